from pathlib import Path

import pytest

from tlx.origin.remains import clear_remains


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text("strength: 1\n")
    (tmp_path / "data.json").write_text("{}")
    clear_remains(tmp_path, tmp_path / "known")
    (tmp_path / "known" / "ewc.safetensors").write_text("made")
    return tmp_path


def left(run: Path) -> bool:
    clear_remains(run, run / "known")
    return (run / "known" / "ewc.safetensors").is_file()


def test_what_was_made_under_the_same_settings_is_gone_on_with(run: Path) -> None:
    assert left(run) and left(run)


@pytest.mark.parametrize("name", ["config.yaml", "data.json", "source.json"])
def test_what_was_made_under_other_settings_or_of_other_data_goes(run: Path, name: str) -> None:
    (run / name).write_text("another")
    assert not left(run)
    (run / "known" / "ewc.safetensors").write_text("made anew")
    assert left(run)


def test_what_nobody_vouches_for_goes(run: Path) -> None:
    (run / "known" / "made_of").unlink()
    assert not left(run)
