from pathlib import Path

import pytest

from tlx.run.directory import begin, write_text


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that has begun, and nothing more."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "run"
    write_text(folder / "config.yaml", "seed: 0\n")
    begin(folder)
    return folder
