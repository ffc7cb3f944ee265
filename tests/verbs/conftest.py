from pathlib import Path

import pytest

from tests.command import FEW, SMOKE, Server


@pytest.fixture(scope="session")
def finished(command: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the built-in digits that is over."""
    folder = tmp_path_factory.mktemp("finished")
    result = command.run(folder, "fit", *SMOKE, *FEW, "page=true", "run_dir=run")
    assert result.code == 0, result.err
    return folder / "run"
