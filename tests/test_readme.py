"""The README holds what the code holds, and its first command runs."""

import re
import shlex
from pathlib import Path

import pytest

from scripts.readme_tables import README, TABLES, filled
from tests.command import Server
from tlx.cli import VERBS

TEXT = README.read_text(encoding="utf-8")
COMMANDS = [
    line.strip() for line in TEXT.splitlines() if re.match(r"    tlx (fit|plan) ", line) and "..." not in line
]


def test_the_tables_are_those_the_code_would_write() -> None:
    assert filled(TEXT) == TEXT, "run: python -m scripts.readme_tables"


def test_a_readme_without_a_table_is_noticed() -> None:
    with pytest.raises(SystemExit, match="'models'"):
        filled(TEXT.replace("<!-- models -->", ""))
    lists = {"strategies", "models", "data", "tasks", "regularizers", "sequences", "summary"}
    measured = {"forgetting", "reproduction", "answers", "benchmark", "cost", "fisher", "frechet"}
    assert set(TABLES) == lists | measured


def test_every_verb_is_explained() -> None:
    assert [verb for verb in VERBS if f"| `tlx {verb}" not in TEXT] == []


def test_there_are_commands_to_try() -> None:
    assert len(COMMANDS) >= 3


@pytest.mark.parametrize("line", [line for line in COMMANDS if " -m " not in line])
def test_every_command_has_a_plan(line: str, command: Server, tmp_path: Path) -> None:
    words = [word for word in shlex.split(line)[2:] if not word.startswith("model.weights=")]
    photos = tmp_path / "photos"
    for name in ("cat", "dog"):
        _images(photos / name)
    _table(tmp_path / "photos.csv")
    result = command.run(tmp_path, "plan", *words, "model.weights=null")
    assert result.code == 0, result.err
    assert "Plan" in result.out


def _table(file: Path) -> None:
    """Each picture with two answers of yes or no and a number."""
    pictures = sorted(file.parent.glob("photos/*/*.png"))
    rows = [f"{path},{n % 2},{n // 2 % 2},{n / 7}" for n, path in enumerate(pictures)]
    file.write_text("image,beach,sunset,brightness\n" + "\n".join(rows) + "\n")


def _images(folder: Path) -> None:
    from PIL import Image

    folder.mkdir(parents=True)
    for number in range(8):
        colour = (number, len(folder.name) * number % 256, sum(map(ord, folder.name)) % 256)
        Image.new("RGB", (32, 32), colour).save(folder / f"{number}.png")
