"""Image files: find them, read them, and find out which cannot be read."""

import hashlib
import os
import stat
import warnings
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from tlx.data.checks import Faults
from tlx.data.packed import PackedStrings
from tlx.errors import DataError

__all__ = ["EXTENSIONS", "ImageFiles", "check_images", "find_images", "read_image"]

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
"""What counts as an image in a folder, in any case of letters."""


class ImageFiles:
    """A split whose samples are image files.

    Args:
        root: The folder that paths are relative to; empty: the working directory.
        paths: N paths.
        labels: Shape (N,); -1 where unknown.
        sizes: Bytes of each file, shape (N,).
        times: Time of each file's last change in nanoseconds, shape (N,).
    """

    def __init__(
        self,
        root: str,
        paths: PackedStrings,
        labels: NDArray[np.int64],
        sizes: NDArray[np.int64],
        times: NDArray[np.int64],
    ) -> None:
        self._root, self._paths = root, paths
        self.labels, self.sizes, self._times = labels, sizes, times

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, index: int) -> Image.Image:
        """The image as it lies in the file; orientation and mode are the preprocessing's."""
        return read_image(self.name(index))

    def name(self, index: int) -> str:
        """The path, with the root."""
        return os.path.join(self._root, self._paths[index])

    def subset(self, indices: NDArray[np.int64]) -> "ImageFiles":
        """The files at `indices`, in that order."""
        paths = self._paths.subset(indices)
        return ImageFiles(self._root, paths, self.labels[indices], self.sizes[indices], self._times[indices])

    def fingerprint(self) -> str:
        """SHA-256 over paths below the root, labels and sizes.

        Contents are not read, so that a set of any size is identified at once; times of last
        change do not count, so that a copy is the same set.
        """
        digest = hashlib.sha256()
        for part in (*self._paths.digest_parts(), self.labels.tobytes(), self.sizes.tobytes()):
            digest.update(part)
        return digest.hexdigest()

    def state(self) -> str:
        """As `fingerprint`, with the times of last change: what a remembered check was made of."""
        return hashlib.sha256(self.fingerprint().encode() + self._times.tobytes()).hexdigest()

    def digest(self, index: int) -> bytes:
        """A hash of the file's bytes."""
        try:
            with open(self.name(index), "rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise DataError(f"cannot read {self.name(index)}: {error.strerror}") from error


def read_image(path: str) -> Image.Image:
    """Decode the first frame of an image file.

    Sixteen-bit grey is brought to eight bits by its high byte; Pillow would clip it.

    Raises:
        OSError: The file is not a whole image.
        DecompressionBombError: It claims more pixels than Pillow's limit of 89 million, at
            which Pillow itself only warns.
    """
    with Image.open(path) as image:
        _check_pixels(image)
        image.load()
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    return image


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
                times.append(status.st_mtime_ns)
                yield path

    packed = PackedStrings.of(paths())
    return ImageFiles(root, packed, *(np.array(a, dtype=np.int64) for a in (labels, sizes, times)))


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


def check_images(files: ImageFiles, decode: bool, faults: Faults, shorten: str = "") -> None:
    """Find the files that cannot be read.

    Args:
        files: What to look at.
        decode: Decode every pixel; else only the headers are read.
        faults: Receives the files, each with a reason.
        shorten: A folder to leave out of their names.
    """

    def fault(index: int) -> str | None:
        return _fault(files.name(index), int(files.sizes[index]), decode)

    with warnings.catch_warnings(), ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        warnings.simplefilter("ignore")
        for start in range(0, len(files), _CHUNK):
            indices = range(start, min(start + _CHUNK, len(files)))
            for index, reason in zip(indices, pool.map(fault, indices), strict=True):
                if reason is not None:
                    name = files.name(index)
                    faults.add(os.path.relpath(name, shorten) if shorten else name, reason)


_CHUNK = 4096


def _fault(path: str, size: int, decode: bool) -> str | None:
    if size == 0:
        return "empty file"
    try:
        with Image.open(path) as image:
            _check_pixels(image)
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


def _check_pixels(image: Image.Image) -> None:
    pixels, limit = image.width * image.height, Image.MAX_IMAGE_PIXELS
    if limit is not None and pixels > limit:
        raise Image.DecompressionBombError(f"{pixels} pixels, more than the limit of {limit}")
