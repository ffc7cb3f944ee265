import io
from pathlib import Path

from rich.console import Console

from tests.faults.jobs import BY_EPOCHS, small_job
from tlx.training import fit


def spoken(tmp_path: Path, terminal: bool, no_color: bool = False) -> str:
    out = io.StringIO()
    color = "truecolor" if terminal and not no_color else None
    console = Console(file=out, force_terminal=terminal, width=120, no_color=no_color, color_system=color)
    fit(small_job(strategy=BY_EPOCHS), tmp_path, console)
    return out.getvalue()


def test_without_a_terminal_there_is_one_line_per_epoch_and_no_control_character(tmp_path: Path) -> None:
    text = spoken(tmp_path, terminal=False)
    lines = [line for line in text.splitlines() if line.startswith("epoch")]
    assert len(lines) == 5
    assert "\x1b" not in text
    assert "block0" in lines[1]
    assert "stem" not in lines[1]
    assert (tmp_path / "log.txt").read_text().splitlines() == lines


def test_a_terminal_gets_a_bar_with_the_rates(tmp_path: Path) -> None:
    text = spoken(tmp_path, terminal=True)
    assert "epoch 1" in text
    assert "7/7" in text
    assert "head" in text
