"""A split of image files."""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tlx.data.packed import PackedStrings
from tlx.data.remembered import Remembered
from tlx.errors import DataError, TlxError

__all__ = ["ImageFiles", "check_pixels", "read_image"]


_READ_WHOLE = 20_000
_END = 4096
_CHUNK = 4096
_ORIENTATION, _ON_A_SIDE = 0x0112, (5, 6, 7, 8)


class ImageFiles:
    """A split whose samples are image files.

    Args:
        root: The folder that paths are relative to; empty: the working directory.
        paths: N paths.
        labels: Shape (N,), -1 where unknown; (N, K) of 0 and 1, uint8; or (N, R), float32.
        sizes: Bytes of each file, shape (N,).
        times: Time of each file's last change in nanoseconds, shape (N,).
        remedy: What to do where a file cannot be read.
    """

    def __init__(
        self,
        root: str,
        paths: PackedStrings,
        labels: NDArray[Any],
        sizes: NDArray[np.int64],
        times: NDArray[np.int64],
        remedy: str = "repair or remove it",
    ) -> None:
        self._root, self._paths, self._remedy = root, paths, remedy
        self.labels, self.sizes, self._times = labels, sizes, times
        self._fingerprint: str | None = None

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, index: int) -> Image.Image:
        """The image as it lies in the file; orientation and mode are the preprocessing's."""
        try:
            return read_image(self.name(index))
        except (TlxError, MemoryError):
            raise
        except Exception as error:
            raise DataError(
                f"cannot read {self.name(index)}: {type(error).__name__}: {error}", fix=self._remedy
            ) from error

    def name(self, index: int) -> str:
        """The path, with the root."""
        return os.path.join(self._root, self._paths[index])

    def subset(self, indices: NDArray[np.int64]) -> "ImageFiles":
        """The files at `indices`, in that order."""
        paths, labels = self._paths.subset(indices), self.labels[indices]
        return ImageFiles(self._root, paths, labels, self.sizes[indices], self._times[indices], self._remedy)

    def told_to(self, remedy: str) -> "ImageFiles":
        """The same files, with another remedy where one cannot be read."""
        return ImageFiles(self._root, self._paths, self.labels, self.sizes, self._times, remedy)

    def fingerprint(self) -> str:
        """SHA-256 over paths below the root, labels and contents.

        A file's contents are read again only where its path, size or time of change is not known
        on this machine; times do not count, so that a copy is the same set. Of a split of more
        than 20 000 files only the first and last 4 KiB of each are read.
        """
        if self._fingerprint is None:
            contents = self._contents()
            self._fingerprint = self._hash(self.labels, contents)
        return self._fingerprint

    def state(self) -> str:
        """SHA-256 over paths, labels, sizes and times of change: what a remembered check was made of."""
        return self._hash(self.labels, self.sizes, self._times)

    def entries(self) -> Iterator[tuple[str, str]]:
        """The path below the root and a hash of the contents of each file, as `fingerprint` reads them."""
        contents = self._contents()
        return ((self._paths[index], f"{contents[index]:016x}") for index in range(len(self)))

    def _hash(self, *columns: NDArray[Any]) -> str:
        digest = hashlib.sha256()
        for part in (*self._paths.digest_parts(), *columns):
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()

    def _contents(self) -> NDArray[np.uint64]:
        if len(self) <= _READ_WHOLE:
            return self.short_digests(np.arange(len(self)))
        return self._known_or("ends", self._ends)

    def keys(self) -> NDArray[np.uint64]:
        """A hash of each file's path, size and time of change, shape (N,)."""
        found = np.empty(len(self), dtype=np.uint64)
        root = os.path.abspath(self._root).encode("utf-8", "surrogateescape")
        stats = np.stack([self.sizes, self._times], axis=1)
        for index in range(len(self)):
            text = b"\0".join((root, self._paths.encoded(index), stats[index].tobytes()))
            found[index] = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
        return found

    def short_digests(self, indices: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The first 64 bits of the hashes of files; those of files that did not change are remembered."""
        part = self.subset(indices)
        return part._known_or("digests", part.digest)

    def _known_or(self, what: str, look: Callable[[int], bytes]) -> NDArray[np.uint64]:
        """The first 64 bits of a hash of every file, looked at only where it is not remembered."""
        keys, table = self.keys(), Remembered(what, self._root)
        known, values = table.known(keys)
        for index in np.flatnonzero(~known):
            values[index] = int.from_bytes(look(int(index))[:8], "big")
        if not known.all():
            table.add(keys[~known], values[~known])
        return values

    def _ends(self, index: int) -> bytes:
        """A hash of a file's size, first and last bytes."""
        size = int(self.sizes[index])
        try:
            with open(self.name(index), "rb") as file:
                first = file.read(_END)
                file.seek(max(size - _END, 0))
                return hashlib.sha256(b"%d\0" % size + first + file.read(_END)).digest()
        except OSError as error:
            raise DataError(f"cannot read {self.name(index)}: {error.strerror}") from error

    def hashes(self) -> NDArray[np.uint64]:
        """A 64-bit hash of each file: of its size and 4 KiB at its start, middle and end.

        Whole files of a large set would take as long to read as an epoch.
        """
        found = np.empty(len(self), dtype=np.uint64)
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
            for start in range(0, len(self), _CHUNK):
                chunk = range(start, min(start + _CHUNK, len(self)))
                pieces = pool.map(self._pieces, chunk)
                found[start : chunk.stop] = np.fromiter(pieces, dtype=np.uint64, count=len(chunk))
        return found

    def _pieces(self, index: int) -> int:
        digest = hashlib.blake2b(digest_size=8)
        try:
            with open(self.name(index), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                digest.update(size.to_bytes(8, "little"))
                for start in sorted({0, max(0, size // 2 - _END // 2), max(0, size - _END)}):
                    file.seek(start)
                    digest.update(file.read(_END))
        except OSError as error:
            raise DataError(f"cannot read {self.name(index)}: {error.strerror}") from error
        return int.from_bytes(digest.digest(), "little")

    def sides(self) -> NDArray[np.int64]:
        """Height and width of each image as it stands upright, shape (N, 2), from the headers.

        Those of files that did not change are remembered.

        Raises:
            DataError: A file cannot be read.
        """
        packed = self._known_or("sides", self._upright_sides)
        return np.stack([packed >> np.uint64(32), packed & np.uint64(0xFFFFFFFF)], axis=1).astype(np.int64)

    def _upright_sides(self, index: int) -> bytes:
        try:
            with Image.open(self.name(index)) as image:
                width, height = image.size
                turned = image.getexif().get(_ORIENTATION, 1) in _ON_A_SIDE
        except Exception as error:  # what is wrong with a file decides what Pillow raises
            raise DataError(
                f"cannot read {self.name(index)}: {type(error).__name__}: {error}", fix=self._remedy
            ) from error
        return b"".join(side.to_bytes(4, "big") for side in ((width, height) if turned else (height, width)))

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
        check_pixels(image)
        image.load()
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    return image


def check_pixels(image: Image.Image) -> None:
    """Refuse an image before it is decoded that claims more pixels than Pillow's limit.

    Raises:
        DecompressionBombError: It does.
    """
    pixels, limit = image.width * image.height, Image.MAX_IMAGE_PIXELS
    if limit is not None and pixels > limit:
        raise Image.DecompressionBombError(f"{pixels} pixels, more than the limit of {limit}")
