import logging
import pickle

import numpy as np
import pytest

from tlx.data.npz import NumpyFile
from tlx.errors import DataError
from tlx.recipe import build

RNG = np.random.default_rng(0)


def images(count, shape=(6, 5)):
    return RNG.integers(0, 256, (count, *shape)).astype(np.uint8)


@pytest.fixture
def save(tmp_path):
    def save(**arrays):
        np.savez(tmp_path / "set.npz", **arrays)
        return str(tmp_path / "set.npz")

    return save


def halves(count, dtype=np.uint8):
    return (np.arange(count) % 2).astype(dtype)


@pytest.mark.parametrize(
    "names",
    [
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("x_train", "y_train", "x_test", "y_test"),
    ],
)
def test_the_full_mnist_as_it_is_met_is_read_under_both_of_its_names(save, names):
    arrays = (images(40), halves(40), images(7), halves(7))
    splits = NumpyFile(save(**dict(zip(names, arrays, strict=True)))).splits()
    assert [len(part) for part in splits[:3]] == [32, 8, 7]
    assert splits.classes == ("0", "1")
    assert splits.test.name(3) == "set.npz test row 3"
    np.testing.assert_array_equal(np.asarray(splits.test.read(3)), arrays[2][3])
    assert splits.test.labels.tolist() == halves(7).tolist()


def test_train_alone_is_divided_in_three_and_val_is_taken_where_it_is(save):
    file = save(train_images=images(40, (6, 5, 3)), train_labels=halves(40)[:, None])
    splits = NumpyFile(file, classes=["even", "odd"]).splits()
    assert [len(part) for part in splits[:3]] == [24, 8, 8]
    assert (splits.classes, splits.val.read(0).mode) == (("even", "odd"), "RGB")
    file = save(
        train_images=images(40, (6, 5, 1)),
        train_labels=halves(40),
        val_images=images(4),
        val_labels=halves(4),
    )
    splits = NumpyFile(file).splits()
    assert (len(splits.val), splits.test, splits.train.read(0).mode) == (4, None, "L")


def test_labels_serve_several_classes_and_numbers(save):
    flags = np.stack([halves(40), 1 - halves(40), halves(40) | 1], axis=1)
    several = NumpyFile(save(train_images=images(40), train_labels=flags)).splits("classes")
    assert (several.classes, several.train.labels.dtype) == (("0", "1", "2"), np.uint8)
    numbers = NumpyFile(save(train_images=images(40), train_labels=np.linspace(0, 1, 40))).splits("numbers")
    assert (numbers.train.labels.shape, numbers.train.labels.dtype) == ((24, 1), np.float32)


def test_equal_images_in_two_splits_are_said(save, caplog):
    train = images(40)
    file = save(train_images=train, train_labels=halves(40), test_images=train[:1], test_labels=halves(1))
    with caplog.at_level(logging.WARNING):
        NumpyFile(file).splits()
    assert "1 sample is in two splits" in caplog.text


@pytest.mark.parametrize(
    ("arrays", "targets", "said"),
    [
        ({"a": halves(3)}, "class", r"no train_images and train_labels.*it has a"),
        ({"train_images": images(4), "train_labels": halves(3)}, "class", "4 train images and 3 labels"),
        ({"train_images": images(4) / 255, "train_labels": halves(4)}, "class", "are float64 of shape"),
        ({"train_images": images(4, (9,)), "train_labels": halves(4)}, "class", r"uint8 of shape \(4, 9\)"),
        ({"train_images": images(4), "train_labels": halves(4) / 2}, "class", "labels are float64 of shape"),
        ({"train_images": images(4), "train_labels": images(4, (2,)) + 0}, "class", r"needs \(whole numbers"),
        ({"train_images": images(4), "train_labels": halves(4)[:, None] + 1}, "classes", "neither 0 nor 1"),
    ],
)
def test_arrays_that_do_not_fit_are_said(save, arrays, targets, said):
    with pytest.raises(DataError, match=said):
        NumpyFile(save(**arrays)).splits(targets)


def test_python_objects_are_refused_and_never_run(save, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    file = save(train_images=np.array([Evil()] * 4, dtype=object), train_labels=halves(4))
    with pytest.raises(DataError, match="cannot read .* as arrays of numbers"):
        NumpyFile(file).splits()
    (tmp_path / "set.npz").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DataError, match="cannot read .* as arrays of numbers"):
        NumpyFile(file).splits()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [None, b"", b"words"])
def test_a_file_that_is_none_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"cannot read .*x\.npz.*data\.file=FILE"):
        NumpyFile(str(tmp_path / "x.npz")).splits()


def test_its_recipe_builds_it_again(save, tmp_path, monkeypatch):
    save(train_images=images(40), train_labels=halves(40))
    monkeypatch.chdir(tmp_path)
    source = NumpyFile("set.npz", classes=["a", "b"], split_seed=3)
    recipe = source.describe()
    assert recipe["file"] == str(tmp_path / "set.npz")
    assert build(recipe).splits().val.fingerprint() == source.splits().val.fingerprint()
