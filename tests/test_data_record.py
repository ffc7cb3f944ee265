import gzip
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from tests.faults.jobs import MadeUp
from tlx.data.concatenated import Concatenated
from tlx.data.datamodule import TransferData
from tlx.data.digits import Digits
from tlx.data.folder import Folder
from tlx.data_record import accept_data, changed_data, hold_data
from tlx.errors import CheckpointError, DataError
from tlx.types import Split, Splits


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


def test_files_that_changed_are_gone_or_new_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    photos = tmp_path / "photos"
    for split, count in (("train", 4), ("val", 2)):
        for name in ("cat", "dog"):
            for number in range(count):
                path = photos / split / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                shade = (20 * number, 90 * (name == "dog"), 120 * (split == "val"))
                Image.new("RGB", (4, 4), shade).save(path)

    def data() -> TransferData:
        return TransferData(Folder(str(photos)))

    run = tmp_path / "run"
    hold_data(run, data())
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "000000000001.ckpt").touch()
    os.utime(photos / "train" / "cat" / "1.png", ns=(1, 1))
    shutil.copytree(photos, tmp_path / "copy")
    hold_data(run, data())
    hold_data(run, TransferData(Folder(str(tmp_path / "copy"))))
    assert changed_data(run, data()) == ""
    Image.new("RGB", (4, 4), (7, 7, 7)).save(photos / "train" / "cat" / "1.png")
    (photos / "train" / "dog" / "3.png").rename(photos / "train" / "dog" / "9.png")
    with pytest.raises(DataError) as caught:
        hold_data(run, data())
    line = caught.value.line()
    assert "changed: train/cat/1.png (train); gone: train/dog/3.png (train); new: train/dog/9.png" in line
    accept_data(run, data())
    hold_data(run, data())


def test_other_classes_are_refused_also_where_a_change_is_allowed(tmp_path: Path) -> None:
    started(tmp_path)
    source = MadeUp()
    other = TransferData(source)
    other.targets = "numbers"
    with pytest.raises(DataError, match="it had the classes left, right, top, now position, square"):
        changed_data(tmp_path, other)


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


@pytest.mark.parametrize(
    "text", [None, "{", "[]", '{"classes": 5}', '{"fingerprint": "x", "samples": 3}', "\xff"]
)
def test_data_that_cannot_be_compared_is_refused_unless_the_change_is_allowed(
    tmp_path: Path, text: str | None
) -> None:
    started(tmp_path)
    record = tmp_path / "data.json"
    whole = record.read_bytes()
    record.unlink() if text is None else record.write_text(text, encoding="latin-1")
    with pytest.raises(CheckpointError) as caught:
        hold_data(tmp_path, TransferData(MadeUp()))
    assert "data.json" in caught.value.line()
    assert "cannot be compared" in caught.value.line()
    assert "allow_change=true" in caught.value.line()
    assert "cannot be compared" in changed_data(tmp_path, TransferData(MadeUp()))
    accept_data(tmp_path, TransferData(MadeUp()))
    assert record.read_bytes() == whole
    hold_data(tmp_path, TransferData(MadeUp()))


def test_a_record_that_was_cut_off_tells_no_names_but_that_the_data_differs(tmp_path: Path) -> None:
    started(tmp_path)
    (tmp_path / "data_samples.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00")
    with pytest.raises(DataError, match="now 51 train.*data_samples.jsonl.gz cannot be read"):
        hold_data(tmp_path, TransferData(MadeUp(train=51)))
    assert "cannot be read" in changed_data(tmp_path, TransferData(MadeUp(train=51)))


def test_the_data_is_compared_also_where_the_checkpoints_are_gone(tmp_path: Path) -> None:
    started(tmp_path)
    (tmp_path / "metrics.csv").write_text("epoch\n1\n")
    shutil.rmtree(tmp_path / "checkpoints")
    with pytest.raises(DataError, match="now 51 train"):
        hold_data(tmp_path, TransferData(MadeUp(train=51)))


def test_what_the_weights_knew_has_a_record_of_its_own(tmp_path: Path) -> None:
    started(tmp_path)
    source = TransferData(MadeUp(train=40, first=500))
    source.node = "source"
    accept_data(tmp_path, source)
    hold_data(tmp_path, source)
    hold_data(tmp_path, TransferData(MadeUp()))
    other = TransferData(MadeUp(train=39, first=500))
    other.node = "source"
    with pytest.raises(DataError, match="the source is not what the run was started on: it had 40 train"):
        hold_data(tmp_path, other)


class Untold:
    """A split of a source of somebody's own, which has no entries."""

    def __init__(self, split: Split) -> None:
        self.labels, self.read, self.name, self.subset = split.labels, split.read, split.name, split.subset
        self.fingerprint, self.size = split.fingerprint, len(split)

    def __len__(self) -> int:
        return self.size


def test_samples_are_listed_where_all_that_a_split_is_made_of_can_tell_them_apart(tmp_path: Path) -> None:
    train, val, test, classes = Digits().splits()
    data = TransferData(Digits())
    together = (Concatenated([train, train]), Concatenated([train, Untold(val)]))
    for number, split in enumerate(together):
        data.__dict__["splits"] = Splits(split, val, test, classes)
        folder = tmp_path / str(number)
        folder.mkdir()
        accept_data(folder, data)
        with gzip.open(folder / "data_samples.jsonl.gz", "rt") as file:
            words = Counter(json.loads(line)[0] for line in file)
        assert words == {"val": len(val), "test": len(test)} | ({} if number else {"train": 2 * len(train)})
