import hashlib
import inspect
import pickle
import struct

import numpy as np
import pytest
from torchvision import datasets

from tlx.data.images import ImageFiles
from tlx.data.torchvision import SETS, TorchvisionSet
from tlx.errors import ConfigError, DataError
from tlx.recipe import build

RNG = np.random.default_rng(0)


@pytest.fixture
def mnist(tmp_path):
    """MNIST as torchvision unpacks it, with other pictures and 40 + 10 of them."""
    raw = tmp_path / "MNIST/raw"
    raw.mkdir(parents=True)
    for word, count in (("train", 40), ("t10k", 10)):
        pixels = RNG.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        head = struct.pack(">IIII", 0x803, count, 28, 28)
        (raw / f"{word}-images-idx3-ubyte").write_bytes(head + pixels.tobytes())
        (raw / f"{word}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, count) + labels.tobytes())
    return tmp_path


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """CIFAR-10 in its pickles, with the sums of these files in torchvision's table."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()

    def write(name, content):
        (folder / name).write_bytes(pickle.dumps(content))
        return hashlib.md5((folder / name).read_bytes()).hexdigest()

    def batch(count):
        pixels = RNG.integers(0, 256, (count, 3072)).astype(np.uint8)
        return {"data": pixels, "labels": [n % 10 for n in range(count)]}

    names = [f"data_batch_{n}" for n in range(1, 6)]
    train = [[name, write(name, batch(20))] for name in names]
    classes = [f"class {n}" for n in range(10)]
    meta = {**datasets.CIFAR10.meta, "md5": write("batches.meta", {"label_names": classes})}
    monkeypatch.setattr(datasets.CIFAR10, "train_list", train)
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", write("test_batch", batch(20))]])
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
    return tmp_path


@pytest.mark.parametrize("name", sorted(SETS))
def test_every_set_exists_and_takes_the_arguments_of_its_splits(name):
    known = inspect.signature(getattr(datasets, name)).parameters
    assert {"root", "download"} <= set(known)
    for arguments in SETS[name].parts.values():
        assert set(arguments) <= set(known)


def test_mnist_is_what_torchvision_reads_and_is_not_mirrored(mnist):
    source = TorchvisionSet("MNIST", str(mnist), val_fraction=0.25)
    splits = source.splits()
    assert source.flip is False
    assert [len(part) for part in splits[:3]] == [30, 10, 10]
    assert splits.classes[3] == "3 - three"
    theirs = datasets.MNIST(mnist, train=False)
    for index in range(10):
        image, label = theirs[index]
        np.testing.assert_array_equal(np.asarray(splits.test.read(index)), np.asarray(image))
        assert splits.test.labels[index] == label
    assert splits.test.name(4) == "MNIST test row 4"


def test_cifar_is_read_in_colour_after_its_sums_agreed(cifar):
    source = TorchvisionSet("CIFAR10", str(cifar))
    splits = source.splits()
    assert source.flip is True
    assert [len(part) for part in splits[:3]] == [80, 20, 20]
    image, label = datasets.CIFAR10(cifar, train=False)[7]
    np.testing.assert_array_equal(np.asarray(splits.test.read(7)), np.asarray(image))
    assert splits.classes[splits.test.labels[7]] == f"class {label}"


def test_a_pickle_whose_sum_is_another_is_refused_unread(cifar, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (cifar / "cifar-10-batches-py/data_batch_3").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DataError, match="cannot read CIFAR10: Dataset not found or corrupted"):
        TorchvisionSet("CIFAR10", str(cifar)).splits()
    assert not (tmp_path / "ran").exists()


def test_a_set_of_files_without_splits_is_divided_in_three_and_read_lazily(tmp_path, write_image):
    for name in ("Forest", "River"):
        for number in range(10):
            write_image(tmp_path / f"eurosat/2750/{name}/{number}.jpg")
    splits = TorchvisionSet("EuroSAT", str(tmp_path)).splits()
    assert isinstance(splits.train, ImageFiles)
    assert (splits.classes, [len(part) for part in splits[:3]]) == (("Forest", "River"), [12, 4, 4])
    again = TorchvisionSet("EuroSAT", str(tmp_path)).splits()
    assert again.val.fingerprint() == splits.val.fingerprint()


@pytest.fixture
def dtd(tmp_path, write_image):
    labels = tmp_path / "dtd/dtd/labels"
    labels.mkdir(parents=True)
    for first, word in ((0, "train"), (2, "val"), (4, "test")):
        paths = [f"{name}/{first + n}.jpg" for name in ("dotted", "woven") for n in (1, 0)]
        for path in paths:
            write_image(tmp_path / "dtd/dtd/images" / path)
        (labels / f"{word}1.txt").write_text("\n".join(paths))
    return tmp_path


def test_the_splits_of_the_authors_are_kept(dtd):
    splits = TorchvisionSet("DTD", str(dtd)).splits()
    assert splits.classes == ("dotted", "woven")
    assert splits.val.labels.tolist() == [0, 0, 1, 1]
    assert splits.val.name(1) == str(dtd / "dtd/dtd/images/dotted/3.jpg")
    assert [len(part) for part in splits[:3]] == [4, 4, 4]


def test_bad_files_of_a_set_are_refused_or_left_out(dtd):
    (dtd / "dtd/dtd/images/woven/0.jpg").write_text("words")
    (dtd / "dtd/dtd/images/woven/2.jpg").unlink()
    with pytest.raises(DataError, match="2 files cannot be used"):
        TorchvisionSet("DTD", str(dtd)).splits()
    source = TorchvisionSet("DTD", str(dtd), bad_files="skip")
    assert [len(part) for part in source.splits()[:3]] == [3, 3, 4]
    assert [name.rpartition("/")[2] for name, _ in source.skipped] == ["2.jpg", "0.jpg"]


def test_what_is_not_there_is_said_with_what_to_do_and_nothing_is_fetched(tmp_path, monkeypatch):
    def fetch(*_, **__):
        raise AssertionError("downloads unasked")

    monkeypatch.setattr(datasets.mnist, "download_and_extract_archive", fetch)
    with pytest.raises(
        DataError, match=rf"MNIST: Dataset not found.*{tmp_path}.*MNIST/raw/, unpacked.*download=true"
    ):
        TorchvisionSet("MNIST", str(tmp_path)).splits()
    asked = []
    monkeypatch.setattr(
        datasets.mnist, "download_and_extract_archive", lambda *_, **k: asked.append(k["filename"])
    )
    with pytest.raises(DataError, match="cannot read MNIST"):
        TorchvisionSet("MNIST", str(tmp_path), download=True).splits()
    assert len(asked) == 4


def test_a_damaged_set_and_a_task_for_other_labels_are_said(mnist):
    with pytest.raises(
        DataError, match=r"any number of classes.*torchvision's MNIST has one class.*image_csv"
    ):
        TorchvisionSet("MNIST", str(mnist)).splits("classes")
    file = mnist / "MNIST/raw/train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(DataError, match="torchvision cannot read MNIST"):
        TorchvisionSet("MNIST", str(mnist)).splits()


def test_its_recipe_builds_it_again_and_never_downloads(mnist, monkeypatch):
    monkeypatch.chdir(mnist)
    source = TorchvisionSet("MNIST", ".", download=False, flip=True, split_seed=2)
    recipe = source.describe()
    assert (recipe["root"], recipe["download"]) == (str(mnist), False)
    again = build(recipe)
    assert (again.describe(), again.flip) == (recipe, True)
    assert again.splits().val.fingerprint() == source.splits().val.fingerprint()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"name": "CIFAR"}, r"no set of torchvision 'CIFAR'\. Known: CIFAR10, .*Try: CIFAR10"),
        ({"name": "MNIST", "test_fraction": -1}, "test_fraction=-1"),
        ({"name": "MNIST", "duplicates": "no"}, "no duplicates 'no'"),
    ],
)
def test_rejects_values_out_of_range(arguments, named):
    with pytest.raises(ConfigError, match=named):
        TorchvisionSet(root="x", **arguments)
