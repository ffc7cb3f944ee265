"""Archives: tlx unpacks none, so that no path in one can lead out, and no bomb goes off."""

import os
import zipfile

from tlx.errors import DataError

__all__ = ["refuse_archive", "refuse_bomb"]

BEGINNINGS = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
    b"\x28\xb5\x2f\xfd": "zstd",
}
TAR_AT = 257
LARGE = 1 << 28
"""Bytes that a file may unpack to, whatever its own size."""

RATIO = 200
"""How many times its own size it may unpack to beyond that; pictures stay below 50."""


def refuse_archive(path: str) -> None:
    """Refuse an archive where a folder, a picture or a table is expected.

    Raises:
        DataError: It is one.
    """
    if not os.path.isfile(path):
        return
    try:
        with open(path, "rb") as file:
            head = file.read(TAR_AT + 5)
    except OSError:  # which is said by whoever needs the file
        return
    kind = next((kind for begins, kind in BEGINNINGS.items() if head.startswith(begins)), None)
    if kind is None and head[TAR_AT:] == b"ustar":
        kind = "tar"
    if kind is not None:
        unpack = "unzip FILE -d NEW_FOLDER" if kind == "zip" else "tar -xf FILE -C NEW_FOLDER"
        raise DataError(
            f"{path} is an archive ({kind}), and tlx unpacks none",
            fix=f"{unpack} with a file you trust, then data.root=NEW_FOLDER",
        )


def refuse_bomb(path: str) -> None:
    """Refuse a zip, such as a file of arrays, that unpacks to far more than it holds.

    Raises:
        DataError: It does.
        OSError: The file cannot be read.
        BadZipFile: It is no zip.
    """
    with zipfile.ZipFile(path) as held:
        unpacked = sum(record.file_size for record in held.infolist())
    size = os.path.getsize(path)
    if unpacked > max(LARGE, RATIO * size):
        raise DataError(
            f"{path} has {size} bytes and would unpack to {unpacked}", fix="numpy.savez, which packs nothing"
        )
