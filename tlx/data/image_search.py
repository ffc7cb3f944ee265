"""Find the image files below folders."""

import os
import stat
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlx.data.checks import Faults
from tlx.data.images import ImageFiles
from tlx.data.packed import PackedStrings

__all__ = ["EXTENSIONS", "find_images", "listed_images"]

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
"""What counts as an image in a folder, in any case of letters."""


def find_images(
    root: str, folders: Sequence[tuple[str, int]], extensions: Sequence[str], faults: Faults
) -> ImageFiles:
    """List the images in folders and their sub-folders, in the order of their names.

    Hidden files and folders are ignored, links are followed. What bears an image's name
    and is not a file (a folder, a pipe, a dead link) goes to `faults`.

    Args:
        root: The folder that paths are relative to.
        folders: Paths below `root`, each with its label; a file is taken whatever its name.
        extensions: What counts as an image, lower case with the dot.
        faults: Receives what cannot be used.
    """
    labels, sizes, times = array("q"), array("q"), array("q")

    def paths() -> Iterator[str]:
        for folder, label in folders:
            for path, status in _files(root, folder, tuple(extensions), faults):
                labels.append(label)
                sizes.append(status.st_size)
                times.append(status.st_ctime_ns)  # an edit cannot set it back
                yield path

    packed = PackedStrings.of(paths())
    found = [np.array(column, dtype=np.int64) for column in (labels, sizes, times)]
    return ImageFiles(root, packed, found[0], found[1], found[2])


def listed_images(
    root: str,
    paths: PackedStrings,
    labels: NDArray[Any],
    faults: Faults,
    rows: NDArray[np.int64] | None = None,
) -> ImageFiles:
    """The files at given paths, in that order, without those that are no files.

    Args:
        root: The folder that paths are relative to.
        paths: N paths.
        labels: N labels, as `Split.labels`.
        faults: Receives what is left out.
        rows: The row that names each path, for people; shape (N,).
    """
    sizes, times, present = array("q"), array("q"), array("q")
    for index, path in enumerate(paths):
        row = "" if rows is None else f"row {rows[index]}: "
        try:
            status = os.stat(os.path.join(root, path))
        except OSError as error:
            faults.add(path, row + (error.strerror or "unreadable"))
            continue
        if stat.S_ISREG(status.st_mode):
            sizes.append(status.st_size)
            times.append(status.st_ctime_ns)  # an edit cannot set it back
            present.append(index)
        else:
            faults.add(path, row + "not a regular file")
    kept, *found = (np.array(column, dtype=np.int64) for column in (present, sizes, times))
    return ImageFiles(root, paths.subset(kept), labels[kept], found[0], found[1])


def _files(
    root: str, path: str, extensions: tuple[str, ...], faults: Faults
) -> Iterator[tuple[str, os.stat_result]]:
    status = os.stat(os.path.join(root, path))
    if stat.S_ISDIR(status.st_mode):
        yield from _walk(root, path, extensions, faults, ())
    elif stat.S_ISREG(status.st_mode):
        yield path, status
    else:
        faults.add(path, "not a regular file")


def _walk(
    root: str, folder: str, extensions: tuple[str, ...], faults: Faults, above: tuple[tuple[int, int], ...]
) -> Iterator[tuple[str, os.stat_result]]:
    try:
        here = os.stat(os.path.join(root, folder))
        names = sorted(os.listdir(os.path.join(root, folder)))
    except OSError as error:
        faults.add(folder, error.strerror or "unreadable")
        return
    place = (here.st_dev, here.st_ino)
    if place in above:
        return
    for name in names:
        if name.startswith("."):
            continue
        path = os.path.join(folder, name)
        image = name.lower().endswith(extensions)
        try:
            status = os.stat(os.path.join(root, path))
        except OSError as error:
            if image:
                dead = os.path.islink(os.path.join(root, path))
                faults.add(path, "a link to nothing" if dead else error.strerror or "unreadable")
            continue
        if stat.S_ISDIR(status.st_mode) and not image:
            yield from _walk(root, path, extensions, faults, (*above, place))
        elif image and not stat.S_ISREG(status.st_mode):
            faults.add(path, "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file")
        elif image:
            yield path, status
