import numpy as np
import pytest

from tlx.data.digits import Digits
from tlx.data.folder import Folder
from tlx.data.overlap import check_overlap, sample_hashes, write_samples
from tlx.errors import DataError
from tlx.types import Splits


@pytest.fixture
def plain(image_folder):
    """A folder of classes, divided by the source."""
    return image_folder({"": {"ant": 10, "bee": 10}})


def folder(root, **settings):
    return Folder(str(root), **settings).splits()


def test_samples_of_another_division_are_counted_and_refused(plain, tmp_path):
    write_samples(tmp_path / "samples.npz", folder(plain))
    other = folder(plain, test_fraction=0.5)
    own = folder(plain).test
    new = {own.name(i) for i in range(len(own))}
    known = sum(other.test.name(i) not in new for i in range(len(other.test)))
    assert known > 0
    with pytest.raises(DataError, match=rf"{known} of the 10 samples of the test split .*overlap=allow"):
        check_overlap(tmp_path / "samples.npz", other.test, "test", "refuse")


def test_what_the_run_held_out_is_new_and_val_is_new_to_its_training_alone(plain, tmp_path):
    splits = folder(plain)
    write_samples(tmp_path / "samples.npz", splits)
    check_overlap(tmp_path / "samples.npz", splits.test, "test", "refuse")
    check_overlap(tmp_path / "samples.npz", splits.val, "val", "refuse")
    check_overlap(tmp_path / "samples.npz", splits.train, "train", "refuse")
    with pytest.raises(DataError, match="4 of the 4 samples of the test split"):
        check_overlap(tmp_path / "samples.npz", splits.val, "test", "refuse")


def test_a_moved_and_renamed_copy_is_the_same_sample(plain, tmp_path):
    write_samples(tmp_path / "samples.npz", folder(plain))
    plain.rename(tmp_path / "moved")
    for number, path in enumerate(sorted((tmp_path / "moved" / "ant").iterdir())):
        path.rename(path.with_name(f"renamed{number}.png"))
    moved = folder(tmp_path / "moved", test=None, test_fraction=0.0)
    with pytest.raises(DataError, match=r"of the test split"):
        check_overlap(tmp_path / "samples.npz", moved.train, "test", "refuse")


def test_files_that_differ_at_their_end_differ(tmp_path, plain):
    first = plain / "ant" / "0.png"
    first.write_bytes(first.read_bytes() + b"\0" * 50_000 + b"a")
    (plain / "ant" / "0b.png").write_bytes(first.read_bytes()[:-1] + b"b")
    train = folder(plain, test_fraction=0.0).train
    hashes = sample_hashes(train)
    assert len(np.unique(hashes)) == len(train)


def test_allowed_overlap_and_an_unknown_one_are_said(plain, tmp_path, caplog):
    splits = folder(plain)
    write_samples(tmp_path / "samples.npz", splits)
    check_overlap(tmp_path / "samples.npz", splits.val, "test", "allow")
    assert "4 of the 4 samples of the test split" in caplog.text
    caplog.clear()
    check_overlap(tmp_path / "nothing.npz", splits.val, "test", "refuse")
    assert "not known which samples" in caplog.text


def test_samples_in_memory_are_known_by_their_bytes_and_others_not_at_all(tmp_path):
    splits = Digits().splits()
    write_samples(tmp_path / "samples.npz", splits)
    with pytest.raises(DataError, match="500 of the 500"):
        check_overlap(tmp_path / "samples.npz", splits.train.subset(np.arange(500)), "test", "refuse")

    class Own:
        """A split of somebody's own, without bytes to compare."""

        def __len__(self):
            return 3

    assert sample_hashes(Own()) is None
    write_samples(tmp_path / "own.npz", Splits(Own(), Own(), None, ("a", "b")))
    assert not (tmp_path / "own.npz").exists()
