import re
import subprocess
import sys

import pytest

from tlx.composition.compose import known_keys
from tlx.composition.groups import arguments, choices, conf_folder, groups, meaning
from tlx.errors import ConfigError
from tlx.verbs.listing import listing


def test_every_choice_of_every_group_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    listing([])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == sum(1 + len(choices(group)) for group in groups())
    assert "data=" in lines


@pytest.mark.parametrize("word", ["strategy", "strategies"])
def test_a_group_is_named_in_singular_or_plural(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    listing([word])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == choices("strategy")


def test_a_choice_is_shown_with_every_argument_default_and_meaning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listing(["strategy=full"])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"strategy=full: {meaning('strategy', 'full')}"
    assert "  strategy.epochs=20             the most epochs" in said
    assert [line.split("=")[0].strip() for line in said if line.startswith("  ")] == [
        f"strategy.{key}" for key, _, _ in arguments("strategy", "full")
    ]


def test_a_regularizer_is_shown_with_its_place_among_them(capsys: pytest.CaptureFixture[str]) -> None:
    listing(["regularizer=ewc"])
    assert "  regularizer.ewc.strength=1000.0  lambda, half of it" in capsys.readouterr().out


def test_what_has_to_be_given_and_what_a_choice_builds_on_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listing(["data=folder"])
    said = capsys.readouterr().out
    assert re.search(r"  data.root= +to be given: the folder\n", said)
    assert re.search(r"  data.batch_size=32 +over all devices together", said)


def test_a_model_is_shown_with_its_stages(capsys: pytest.CaptureFixture[str]) -> None:
    listing(["model=tiny"])
    said = capsys.readouterr().out
    assert "layer3        230,144" in said
    assert "model.head.dropout=0.0" in said


@pytest.mark.parametrize("group", groups())
def test_every_key_that_is_shown_is_one_of_the_config(
    group: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a choice has a place of its own in its group, as regularizers do, or is of all groups."""
    monkeypatch.setattr("tlx.verbs.model_details.model_details", lambda choice, words: "")
    first, *others = choices(group)
    placed = [name for name in others if "@package" in (conf_folder() / group / f"{name}.yaml").read_text()]
    for choice in (first, *placed):
        listing([f"{group}={choice}"])
        shown = re.findall(r"^  ([\w.]+)=", capsys.readouterr().out, re.M)
        assert set(shown) <= set(known_keys("sequence", [f"{group}={choice}"])), choice
        assert len(shown) == len(arguments(group, choice))


@pytest.mark.parametrize("words", [[], ["models"], ["strategy=full"], ["data=folder"]])
def test_what_is_read_from_files_loads_nothing_heavy(words: list[str]) -> None:
    program = f"import sys\nfrom tlx.cli import main\nmain(['list', *{words!r}])\n"
    program += (
        "print([n for n in ('torch', 'lightning', 'hydra', 'numpy') if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize(
    "argv",
    [
        ["a", "b"],
        ["name=x"],
        ["modelz"],
        ["model=tny"],
        ["strategy=full", "strategy.epochs=3"],
        ["models", "x=1"],
    ],
)
def test_anything_else_is_refused(argv: list[str]) -> None:
    with pytest.raises(ConfigError):
        listing(argv)
