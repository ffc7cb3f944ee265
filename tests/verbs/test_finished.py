from pathlib import Path

import pytest

from tlx.data.folder import Folder
from tlx.errors import CheckpointError
from tlx.verbs.finished import open_run


def test_a_finished_run_gives_its_data_and_one_device(finished: Path) -> None:
    data, settings = open_run(finished, {})
    assert data.batch_size == 32
    assert settings.devices == 1


def test_options_exchange_the_data(finished: Path) -> None:
    data, _ = open_run(finished, {"data": "folder", "data.root": "/photos"})
    assert isinstance(data.source, Folder)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is no run"):
        open_run(tmp_path, {})
