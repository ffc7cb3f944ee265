"""What `predict` reads: files and folders that carry no labels."""

import os
from array import array
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from tlx.data.archives import refuse_archive
from tlx.data.checks import Faults, check_choice
from tlx.data.image_checks import check_images
from tlx.data.image_search import EXTENSIONS, find_images
from tlx.data.images import ImageFiles
from tlx.data.packed import PackedStrings
from tlx.data.rows import bad_row, read_lines, read_rows
from tlx.data.texts import Texts
from tlx.errors import DataError
from tlx.types import Split

__all__ = ["from_paths"]

_TEXT_EXTENSIONS = (".csv", ".txt")


def from_paths(
    paths: Sequence[str | os.PathLike[str]],
    kind: str,
    extensions: Sequence[str] = EXTENSIONS,
    text: str = "text",
    skipped: Faults | None = None,
) -> Split:
    """The samples at `paths`, in that order, with label -1.

    Images: files of any name, and folders with all images below them in the order of their
    names. Texts: CSV files with a text column, other files with a text per line, and
    folders of .csv and .txt files. A folder's name never becomes a label.

    Args:
        paths: Files and folders.
        kind: "image" or "text".
        extensions: What counts as an image in a folder.
        text: Name of the text column in CSV files.
        skipped: Receives the images that cannot be read, which are then left out; None: they
            are refused, as far as their headers tell.

    Raises:
        ConfigError: `kind` is unknown.
        DataError: A path does not exist, nothing is found, or a file cannot be read.
    """
    check_choice("kind", kind, Literal["image", "text"])
    given = [os.fspath(path) for path in paths]
    lost = [path for path in given if not os.path.exists(path)]
    if lost:
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        raise DataError(
            f"there is no {', '.join(lost[:5])}{more}",
            f"looked in {os.getcwd()}",
            "a file or folder that exists",
        )
    for path in given:
        refuse_archive(path)
    split = _images(given, extensions, skipped) if kind == "image" else _texts(given, text)
    if len(split) == 0:
        wanted = f"images ({' '.join(extensions)})" if kind == "image" else "texts (.csv, .txt)"
        readable = f" that can be read, of {len(skipped)}" if skipped is not None and len(skipped) else ""
        raise DataError(
            f"found no {wanted}{readable} in {', '.join(given[:5]) or 'no paths'}", fix="other paths"
        )
    return split


def _images(paths: list[str], extensions: Sequence[str], skipped: Faults | None) -> ImageFiles:
    faults = Faults() if skipped is None else skipped
    wanted = tuple("." + extension.lower().lstrip(".") for extension in extensions)
    files = find_images("", [(path, -1) for path in paths], wanted, faults)
    bad = check_images(files, decode=skipped is not None, faults=faults)
    if skipped is None:
        faults.refuse("", "repair them or move them elsewhere, or bad_files=skip")
    return files.subset(np.setdiff1d(np.arange(len(files)), bad)) if bad else files


def _texts(paths: list[str], column: str) -> Texts:
    files = [file for path in paths for file in _text_files(path)]
    places, rows = array("q"), array("q")

    def read() -> Iterator[str]:
        for place, file in enumerate(files):
            for row, words in _text_rows(file, column):
                places.append(place)
                rows.append(row)
                yield words

    texts = PackedStrings.of(read())
    unknown = np.full(len(texts), -1, dtype=np.int64)
    return Texts(files, texts, unknown, *(np.array(a, dtype=np.int64) for a in (places, rows)))


def _text_files(path: str) -> list[str]:
    if not os.path.isdir(path):
        return [path]
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        shown = sorted(name for name in names if not name.startswith("."))
        found += [os.path.join(folder, name) for name in shown if name.lower().endswith(_TEXT_EXTENSIONS)]
    return found


def _text_rows(file: str, column: str) -> Iterator[tuple[int, str]]:
    if not os.path.isfile(file):
        raise DataError(f"{file} is not a regular file", fix="a text or CSV file")
    if not file.lower().endswith(".csv"):
        yield from read_lines(file)
        return
    for row, (words,) in read_rows(file, {"text": column}):
        if not words.strip():
            raise bad_row(file, row, f"an empty {column}", "fill it in or remove the row")
        yield row, words
