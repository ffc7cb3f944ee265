"""The sets of torchvision that classify images, by name."""

import os
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torchvision import datasets

from tlx.data.archives import refuse_archive
from tlx.data.checks import Faults, check_choice, check_one_class, check_splits
from tlx.data.duplicates import Duplicates, check_between
from tlx.data.image_checks import BadFiles, Check, check_duplicates, sound_images
from tlx.data.image_search import listed_images
from tlx.data.images import ImageFiles
from tlx.data.packed import PackedStrings
from tlx.data.pixels import Pixels
from tlx.data.stratified import check_fractions, divided
from tlx.errors import DataError, unknown_name
from tlx.types import Splits, Targets

__all__ = ["SETS", "TorchvisionSet"]


class _Set(NamedTuple):
    parts: dict[str, dict[str, Any]]  # split to the arguments torchvision has for it
    place: str  # what torchvision looks for below the root
    flip: bool = True


def _two(place: str, flip: bool = True, train: str = "train") -> _Set:
    return _Set({"train": {"split": train}, "test": {"split": "test"}}, place, flip)


def _three(place: str, flip: bool = True, val: str = "val") -> _Set:
    return _Set({word: {"split": val if word == "val" else word} for word in _ALL}, place, flip)


def _flag(place: str, flip: bool = True) -> _Set:
    return _Set({"train": {"train": True}, "test": {"train": False}}, place, flip)


_ALL = ("train", "val", "test")

SETS = {
    "CIFAR10": _flag("cifar-10-batches-py/"),
    "CIFAR100": _flag("cifar-100-python/"),
    "Country211": _three("country211/", val="valid"),
    "DTD": _three("dtd/dtd/images/ and dtd/dtd/labels/"),
    "EuroSAT": _Set({"train": {}}, "eurosat/2750/"),
    "FGVCAircraft": _three("fgvc-aircraft-2013b/data/"),
    "FashionMNIST": _flag("FashionMNIST/raw/, unpacked"),
    "Flowers102": _three("flowers-102/"),
    "Food101": _two("food-101/images/ and food-101/meta/"),
    "GTSRB": _two("gtsrb/GTSRB/", flip=False),
    "Imagenette": _Set({"train": {"split": "train"}, "test": {"split": "val"}}, "imagenette2/"),
    "KMNIST": _flag("KMNIST/raw/, unpacked", flip=False),
    "MNIST": _flag("MNIST/raw/, unpacked", flip=False),
    "OxfordIIITPet": _two("oxford-iiit-pet/images/ and oxford-iiit-pet/annotations/", train="trainval"),
    "RenderedSST2": _three("rendered-sst2/", flip=False),
    "STL10": _two("stl10_binary/"),
    "SUN397": _Set({"train": {}}, "SUN397/"),
    "SVHN": _two("train_32x32.mat and test_32x32.mat", flip=False),
    "StanfordCars": _two("stanford_cars/"),
    "USPS": _flag("usps.bz2 and usps.t.bz2", flip=False),
}
"""Those that give every image one class and need no further package."""


class TorchvisionSet:
    """A data set that `torchvision.datasets` knows, read from files that are there.

    The authors' splits are used. Where they have no val, a share of each class of train is held
    out for it; a set without any split is divided in three. Images in files are read when they
    are needed; sets that come as arrays (MNIST, CIFAR) are held in memory.

    torchvision reads the pickles of CIFAR, which can run code, and does so only after their MD5
    sums agreed with those in its source; there is no way around that here. The arrays of
    SVHN and STL10 are held against their sums as well, the rest by the presence of their files.

    Args:
        name: As `torchvision.datasets` names it; see `SETS`.
        root: The folder that torchvision gets as its root.
        download: Fetch what is missing from the authors' servers; else nothing is fetched. Not
            by several processes at once: fetch first, then train on many devices.
        val_fraction: Share of each class held out for val where there is none, in (0, 1).
        test_fraction: Share of each class for test where there is neither, in [0, 1).
        split_seed: Which samples are held out; apart from the run's seed, so that runs with
            different seeds are measured on the same samples.
        flip: Whether a mirrored image still belongs to its class; None: false for digits,
            characters, signs and text, true otherwise.
        check: Which files are looked at before training: "decode" every pixel, the "header",
            or "none"; "auto" decodes up to 20 000 files and reads headers beyond.
        bad_files: What to do with files that are missing or cannot be read: "error" or "skip".
        duplicates: What to do when the same bytes are in two splits: "error", "warn", "ignore".

    Attributes:
        skipped: The files left out, pairs of path and reason; filled by `splits`.

    Raises:
        ConfigError: The name is unknown, or a value is out of its range.
    """

    kind: str = "image"

    def __init__(
        self,
        name: str,
        root: str,
        download: bool = False,
        val_fraction: float = 0.2,
        test_fraction: float = 0.2,
        split_seed: int = 0,
        flip: bool | None = None,
        check: str = "auto",
        bad_files: str = "error",
        duplicates: str = "warn",
    ) -> None:
        check_fractions(val_fraction, test_fraction, split_seed)
        check_choice("check", check, Check)
        check_choice("bad_files", bad_files, BadFiles)
        check_choice("duplicates", duplicates, Duplicates)
        if name not in SETS:
            raise unknown_name("set of torchvision", name, SETS)
        self._name, self._root = name, os.path.abspath(os.path.expanduser(str(root)))
        self._download, self._given_flip = download, flip
        self.flip = SETS[name].flip if flip is None else flip
        self._fractions, self._split_seed = (val_fraction, test_fraction), split_seed
        self._check, self._bad_files, self._duplicates = check, bad_files, duplicates
        self.skipped = Faults()

    def describe(self) -> dict[str, Any]:
        """The recipe of this source, with an absolute path; it never downloads."""
        return {
            "_target_": "tlx.data.torchvision.TorchvisionSet",
            "name": self._name,
            "root": self._root,
            "download": False,
            "val_fraction": self._fractions[0],
            "test_fraction": self._fractions[1],
            "split_seed": self._split_seed,
            "flip": self._given_flip,
            "check": self._check,
            "bad_files": self._bad_files,
            "duplicates": self._duplicates,
        }

    def splits(self, targets: Targets = "class") -> Splits:
        """Read the set as torchvision does, check its files, and divide what is not divided yet."""
        check_one_class(targets, f"torchvision's {self._name}")
        refuse_archive(self._root)
        self.skipped = Faults()
        made = {word: self._made(arguments) for word, arguments in SETS[self._name].parts.items()}
        parts = {word: self._part(word, part) for word, part in made.items()}
        files = {word: part for word, part in parts.items() if isinstance(part, ImageFiles)}
        pixels = {word: part for word, part in parts.items() if isinstance(part, Pixels)}
        if files:
            files = sound_images(files, self._root, self._check, self._bad_files, self.skipped)
        found: dict[str, ImageFiles | Pixels] = {**files, **pixels}
        largest = max(int(part.labels.max(initial=1)) for part in found.values())
        classes = tuple(map(str, getattr(made["train"], "classes", None) or range(largest + 1)))
        shares = self._fractions if len(found) == 1 else (self._fractions[0], 0.0)
        splits = divided(found, shares, self._split_seed, classes)
        check_splits(splits)
        if files:
            check_duplicates(splits, self._root, self._duplicates)
        else:
            check_between(splits, self._duplicates)
        return splits

    def _made(self, arguments: dict[str, Any]) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about arrays of its own that it makes from bytes
                return getattr(datasets, self._name)(self._root, download=self._download, **arguments)
        except MemoryError:
            raise
        except Exception as error:
            raise DataError(
                f"torchvision cannot read {self._name}: {' '.join(str(error).split())}",
                where=f"looked below {self._root}",
                fix=f"{SETS[self._name].place} in that folder, data.root=DIR for another, or "
                "data.download=true to fetch it",
            ) from error

    def _part(self, word: str, part: Any) -> ImageFiles | Pixels:
        for paths in ("_image_files", "_images"):
            if hasattr(part, paths):
                return self._files(getattr(part, paths), part._labels)
        for pairs in ("samples", "_samples"):
            if hasattr(part, pairs):
                found = getattr(part, pairs)
                return self._files([path for path, _ in found], [label for _, label in found])
        labels = getattr(part, "targets", getattr(part, "labels", None))
        if not hasattr(part, "data") or labels is None:
            raise DataError(
                f"this version of torchvision keeps {self._name} in a way that tlx does not know",
                fix="data=folder on its images",
            )
        pixels = np.asarray(part.data)
        if pixels.ndim == 4 and pixels.shape[1] == 3:
            pixels = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
        numbers = np.asarray(labels).astype(np.int64)
        return Pixels(f"{self._name} {word}", pixels, numbers, np.arange(len(pixels)))

    def _files(self, paths: Sequence[Any], labels: Sequence[int]) -> ImageFiles:
        below = [os.path.relpath(path, self._root) for path in paths]
        order = np.array(sorted(range(len(below)), key=below.__getitem__), dtype=np.int64)
        numbers: NDArray[np.int64] = np.array(labels, dtype=np.int64)[order]
        return listed_images(self._root, PackedStrings.of(below[i] for i in order), numbers, self.skipped)
