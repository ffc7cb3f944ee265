"""A file of NumPy arrays that holds images and labels, such as mnist.npz."""

import os
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlx.data.archives import refuse_bomb
from tlx.data.checks import check_choice, check_splits
from tlx.data.duplicates import Duplicates, check_between
from tlx.data.pixels import Pixels
from tlx.data.stratified import check_fractions, divided
from tlx.errors import DataError
from tlx.types import Splits, Targets

__all__ = ["NumpyFile"]

_NAMES = ("{}_images", "{}_labels"), ("x_{}", "y_{}")


class NumpyFile:
    """Arrays `train_images`, `train_labels`, and the same of val and test as far as they exist.

    The names `x_train`, `y_train` and so on serve as well (mnist.npz is met under both).
    Images have shape (N, H, W), (N, H, W, 1) or (N, H, W, 3), uint8. Labels have shape (N,) or
    (N, 1) of whole numbers for one class, (N, K) of 0 and 1 for any number of classes, and
    (N,) or (N, R) for numbers. Without val arrays, a share of train is held out in their
    place; train arrays alone are divided in three. Nothing in the file is run (arrays of
    Python objects are refused); the whole of it is held in memory.

    Args:
        file: The file.
        classes: Names of the classes, or of the numbers; None: 0, 1, 2 and so on.
        val_fraction: Share held out for val where there is none, in (0, 1).
        test_fraction: Share for test when there is neither val nor test, in [0, 1).
        split_seed: Which samples are held out; apart from the run's seed, so that runs with
            different seeds are measured on the same samples.
        flip: Whether a mirrored image still has its label; not for text or digits.
        duplicates: What to do when the same pixels are in two splits: "error", "warn", "ignore".

    Raises:
        ConfigError: A value is out of its range.
    """

    kind: str = "image"

    def __init__(
        self,
        file: str,
        classes: Sequence[str] | None = None,
        val_fraction: float = 0.2,
        test_fraction: float = 0.2,
        split_seed: int = 0,
        flip: bool = False,
        duplicates: str = "warn",
    ) -> None:
        check_fractions(val_fraction, test_fraction, split_seed)
        check_choice("duplicates", duplicates, Duplicates)
        self._file = os.path.abspath(os.path.expanduser(str(file)))
        self._classes = [str(name) for name in classes] if classes is not None else None
        self._fractions, self._split_seed = (val_fraction, test_fraction), split_seed
        self.flip, self._duplicates = flip, duplicates

    def describe(self) -> dict[str, Any]:
        """The recipe of this source, with an absolute path."""
        return {
            "_target_": "tlx.data.npz.NumpyFile",
            "file": self._file,
            "classes": self._classes,
            "val_fraction": self._fractions[0],
            "test_fraction": self._fractions[1],
            "split_seed": self._split_seed,
            "flip": self.flip,
            "duplicates": self._duplicates,
        }

    def splits(self, targets: Targets = "class") -> Splits:
        """Read the arrays, check them, and divide what is not divided yet."""
        found = {word: self._part(word, *arrays, targets) for word, arrays in self._arrays().items()}
        labels = found["train"].labels
        count = int(labels.max(initial=-1)) + 1 if targets == "class" else labels.shape[1]
        names = tuple(self._classes or map(str, range(count)))
        splits = divided(found, self._fractions, self._split_seed, names)
        check_splits(splits, targets)
        check_between(splits, self._duplicates)
        return splits

    def _arrays(self) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
        found = {}
        try:
            refuse_bomb(self._file)
            with np.load(self._file, allow_pickle=False) as held:
                known = list(held)
                for images, labels in _NAMES:
                    for word in ("train", "val", "test"):
                        if images.format(word) in known and labels.format(word) in known:
                            found[word] = (held[images.format(word)], held[labels.format(word)])
        except (OSError, EOFError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise DataError(
                f"cannot read {self._file} as arrays of numbers: {error}",
                fix="data.file=FILE.npz, as numpy.savez writes it, without Python objects",
            ) from error
        if "train" not in found:
            raise DataError(
                f"{self._file} has no train_images and train_labels (or x_train and y_train); it has "
                f"{', '.join(known[:10]) or 'nothing'}",
                fix="numpy.savez(FILE, train_images=..., train_labels=..., test_images=..., test_labels=...)",
            )
        return found

    def _part(self, word: str, images: NDArray[Any], labels: NDArray[Any], targets: Targets) -> Pixels:
        if images.ndim == 4 and images.shape[-1] == 1:
            images = images[..., 0]
        if images.dtype != np.uint8 or not (images.ndim == 3 or (images.ndim == 4 and images.shape[-1] == 3)):
            raise DataError(
                f"the {word} images are {images.dtype} of shape {images.shape}",
                where=self._file,
                fix="uint8 of shape (N, H, W), or (N, H, W, 3) for colour",
            )
        if len(labels) != len(images):
            raise DataError(f"{len(images)} {word} images and {len(labels)} labels", where=self._file)
        if targets == "class":
            labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
            wide = labels.astype(np.int64) if labels.dtype.kind in "iu" else labels
        else:
            labels = labels[:, None] if labels.ndim == 1 else labels
            wide = labels.astype(np.float32) if targets == "numbers" else labels
            if targets == "classes" and labels.dtype.kind in "iub" and np.isin(labels, (0, 1)).all():
                wide = labels.astype(np.uint8)
        if (targets == "class") != (wide.ndim == 1) or (targets != "numbers" and wide.dtype.kind not in "iu"):
            raise DataError(
                f"the {word} labels are {labels.dtype} of shape {labels.shape}, which is not what the task "
                f"needs ({_WANTED[targets]})",
                where=self._file,
                fix="another task (multiclass, multilabel, regression) or other labels",
            )
        return Pixels(os.path.basename(self._file) + f" {word}", images, wide, np.arange(len(images)))


_WANTED = {
    "class": "whole numbers of shape (N,)",
    "classes": "0 and 1 of shape (N, K)",
    "numbers": "numbers of shape (N,) or (N, R)",
}
