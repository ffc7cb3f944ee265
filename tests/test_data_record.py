from pathlib import Path

import pytest

from tests.faults.jobs import MadeUp
from tlx.data.datamodule import TransferData
from tlx.data_record import hold_data
from tlx.errors import DataError


def started(folder: Path) -> None:
    hold_data(folder, TransferData(MadeUp()))
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "000000000001.ckpt").touch()


def test_the_same_data_goes_on(tmp_path: Path) -> None:
    started(tmp_path)
    record = (tmp_path / "data.json").read_bytes()
    hold_data(tmp_path, TransferData(MadeUp()))
    assert (tmp_path / "data.json").read_bytes() == record


def test_other_data_is_refused_with_both_counts(tmp_path: Path) -> None:
    started(tmp_path)
    with pytest.raises(DataError, match="it had 52 train, 30 val, 21 test, now 51 train, 30 val, 21 test"):
        hold_data(tmp_path, TransferData(MadeUp(train=51)))


def test_another_draw_of_the_same_size_is_other_data(tmp_path: Path) -> None:
    hold_data(tmp_path, TransferData(MadeUp(), per_class=3, seed=0))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "000000000001.ckpt").touch()
    with pytest.raises(DataError, match="not what the run was started on"):
        hold_data(tmp_path, TransferData(MadeUp(), per_class=3, seed=1))


def test_a_run_without_a_checkpoint_starts_on_whatever_there_is_now(tmp_path: Path) -> None:
    hold_data(tmp_path, TransferData(MadeUp()))
    hold_data(tmp_path, TransferData(MadeUp(train=51)))
    assert '"train": 51' in (tmp_path / "data.json").read_text()


def test_files_left_out_are_listed_as_the_run_began(tmp_path: Path) -> None:
    source = MadeUp()
    object.__setattr__(source, "skipped", [("a/b.png", "not an\nimage"), ("c.png", "empty file")])
    (tmp_path / "bad_files.txt").write_text("of a start before")
    hold_data(tmp_path, TransferData(source))
    assert (tmp_path / "bad_files.txt").read_text() == "a/b.png\tnot an image\nc.png\tempty file\n"
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "000000000001.ckpt").touch()
    hold_data(tmp_path, TransferData(MadeUp()))
    assert (tmp_path / "bad_files.txt").exists(), "a resume goes on without them, found or not"


def test_a_start_without_bad_files_leaves_no_list(tmp_path: Path) -> None:
    (tmp_path / "bad_files.txt").write_text("of a start before")
    hold_data(tmp_path, TransferData(MadeUp()))
    assert not (tmp_path / "bad_files.txt").exists()
