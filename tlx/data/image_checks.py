"""Find the image files that cannot be read, and refuse them or leave them out."""

import logging
import os
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from tlx.data.checks import Faults
from tlx.data.duplicates import duplicates_between, report_duplicates
from tlx.data.images import ImageFiles, check_pixels
from tlx.data.remembered import Remembered, remember, remembered
from tlx.data.warned import warn
from tlx.types import Splits

__all__ = ["BadFiles", "Check", "check_duplicates", "check_images", "sound_images"]

Check = Literal["auto", "decode", "header", "none"]
BadFiles = Literal["error", "skip"]

_LARGE = 20_000
_CHUNK = 4096
_log = logging.getLogger(__name__)


def sound_images(
    found: Mapping[str, ImageFiles], root: str, check: str, bad_files: str, faults: Faults
) -> dict[str, ImageFiles]:
    """Look at the files before training, and refuse those that cannot be read or leave them out.

    A set that was found good is not read again until a path, size or time of change differs,
    and then only the files that differ are.

    Args:
        found: Split name to its files.
        root: The folder they are in.
        check: "decode" every pixel, the "header", or "none"; "auto" decodes up to 20 000 files
            and reads headers beyond.
        bad_files: "error" refuses the set, "skip" goes on without them.
        faults: What was already found; receives what is found now.

    Returns:
        The files of each split that can be used, in the order they had.

    Raises:
        DataError: There are bad files, and `bad_files` is "error".
    """
    many = sum(len(files) for files in found.values()) > _LARGE
    level = ("header" if many else "decode") if check == "auto" else check
    key = ("images", level, root, *(files.state() for files in found.values()))
    sound = {word: files.told_to(_remedy(level, bad_files)) for word, files in found.items()}
    if level != "none" and not remembered(*key):
        good = _good(found, root, level, faults)
        if all(mask.all() for mask in good.values()):
            remember(*key)
        else:
            sound = {word: files.subset(np.flatnonzero(good[word])) for word, files in sound.items()}
    if bad_files == "error":
        faults.refuse(root, "repair them or move them elsewhere, or data.bad_files=skip")
    elif len(faults):
        said = f"{faults.counted()} left out of {root}: {faults.listed()}"
        warn(_log, f"{said}; tlx fit lists them all in bad_files.txt")
    return sound


def _remedy(level: str, bad_files: str) -> str:
    """What to do where a file turns out bad while training: the order of samples is fixed by then."""
    if level == "decode":
        return "the file as it was when training began, or a new run"
    skip = "" if bad_files == "skip" else " data.bad_files=skip"
    return (
        f"repair it, or a new run with data.check=decode{skip}: before training "
        f"{'only headers were' if level == 'header' else 'nothing was'} read, and leaving it out now would "
        "change the order of the samples"
    )


def _good(
    found: Mapping[str, ImageFiles], root: str, level: str, faults: Faults
) -> dict[str, NDArray[np.bool_]]:
    table = Remembered("images", level, root)
    keys = {word: files.keys() for word, files in found.items()}
    good = {}
    for word, files in found.items():
        known, _ = table.known(keys[word])
        good[word] = np.ones(len(files), dtype=bool)
        good[word][check_images(files, level == "decode", faults, root, np.flatnonzero(~known))] = False
    kept = np.concatenate([keys[word][good[word]] for word in found])
    table.add(kept, np.ones_like(kept))
    return good


def check_duplicates(splits: Splits, root: str, mode: str) -> None:
    """Refuse files with the same bytes in two splits, or say them; remembered when there are none.

    Args:
        splits: Splits of image files.
        root: The folder they are in.
        mode: "error", "warn" or "ignore".

    Raises:
        DataError: There are some, and `mode` is "error".
    """
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    files = {word: part for word, part in parts.items() if isinstance(part, ImageFiles)}
    key = ("duplicates", root, *(part.state() for part in files.values()))
    if mode == "ignore" or remembered(*key):
        return
    pairs = duplicates_between(files)
    report_duplicates(pairs, mode)
    if not pairs:
        remember(*key)


def check_images(
    files: ImageFiles,
    decode: bool,
    faults: Faults,
    shorten: str = "",
    indices: NDArray[np.int64] | None = None,
) -> list[int]:
    """Find the files that cannot be read.

    Args:
        files: What to look at.
        decode: Decode every pixel; else only the headers are read.
        faults: Receives the files, each with a reason.
        shorten: A folder to leave out of their names.
        indices: Which files; None: all.

    Returns:
        The indices of those files.
    """

    def fault(index: int) -> str | None:
        return _fault(files.name(index), int(files.sizes[index]), decode)

    bad = []
    wanted = np.arange(len(files)) if indices is None else indices
    with warnings.catch_warnings(), ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        warnings.simplefilter("ignore")
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK].tolist()
            for index, reason in zip(chunk, pool.map(fault, chunk), strict=True):
                if reason is not None:
                    name = files.name(index)
                    faults.add(os.path.relpath(name, shorten) if shorten else name, reason)
                    bad.append(index)
    return bad


def _fault(path: str, size: int, decode: bool) -> str | None:
    if size == 0:
        return "empty file"
    try:
        with Image.open(path) as image:
            check_pixels(image)
            if decode:
                image.draft(None, (32, 32))  # JPEG: reads the whole stream at an eighth of the size
                image.load()
    except UnidentifiedImageError:
        return "not an image"
    except Image.DecompressionBombError:
        return f"more than the {Image.MAX_IMAGE_PIXELS} pixels that Pillow allows"
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    return None
