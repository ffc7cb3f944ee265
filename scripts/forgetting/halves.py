"""Photos of the source in two halves: what protects it, and what measures how much of it is left.

    python -m scripts.forgetting.halves --imagenet FOLDER --out FOLDER

`--imagenet` is that of `scripts.forgetting.tradeoff`, which writes its own halves; these are for single runs.
"""

import argparse
import csv
import re
from collections.abc import Sequence
from pathlib import Path

__all__ = ["HALVES", "halves", "main", "write"]

HALVES = ("protecting", "measuring")
SUFFIXES = (".jpg", ".jpeg", ".png")
NUMBERED = re.compile(r"(\d+)[_\- .].+")


def halves(paths: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Path and class of each photo: those of classes with even numbers protect, the others measure.

    A class is the folder a photo lies in, whose name begins with its number among the classes that the
    weights know. So no class that measures has a photo that protects.

    >>> halves(["0001_b/2.jpg", "0000_a/1.jpg"])
    {'protecting': [('0000_a/1.jpg', '0000_a')], 'measuring': [('0001_b/2.jpg', '0001_b')]}

    Args:
        paths: Relative to the folder of all photos: `0007_cock/NAME.jpg`.

    Raises:
        SystemExit: A folder has no number, or one of the halves is empty.
    """
    found: dict[str, list[tuple[str, str]]] = {half: [] for half in HALVES}
    for path in sorted(paths):
        folder = path.partition("/")[0]
        match = NUMBERED.fullmatch(folder)
        if match is None:
            raise SystemExit(f"{folder} is no folder of a class. Expected its number and name: 0007_cock")
        found[HALVES[int(match.group(1)) % 2]].append((path, folder))
    for half, rows in found.items():
        if not rows:
            raise SystemExit(f"no photo is {half}: classes with even and with odd numbers are needed")
    return found


def write(photos: Path, folder: Path) -> dict[str, int]:
    """Write `protecting.csv` and `measuring.csv`, columns `image,label`, paths relative to `photos`.

    Args:
        photos: A folder for each class, with photos in it.
        folder: Where to write; it is made.

    Returns:
        How many photos each half has.

    Raises:
        SystemExit: There is no such folder, or it does not hold two halves.
    """
    if not photos.is_dir():
        raise SystemExit(f"{photos} is no folder")
    found = halves(
        [
            path.relative_to(photos).as_posix()
            for path in photos.glob("*/*")
            if path.suffix.lower() in SUFFIXES
        ]
    )
    folder.mkdir(parents=True, exist_ok=True)
    for half, rows in found.items():
        with (folder / f"{half}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("image", "label"), *rows])
    return {half: len(rows) for half, rows in found.items()}


def main(argv: Sequence[str] | None = None) -> None:
    """Write both halves, and say how many photos they have.

    Args:
        argv: The words of the command line; None: those of this process.
    """
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--imagenet", type=Path, required=True, help="photos of the source, a folder a class")
    parser.add_argument("--out", type=Path, required=True, help="folder for protecting.csv and measuring.csv")
    options = parser.parse_args(argv)
    for half, count in write(options.imagenet, options.out).items():
        print(f"{options.out / half}.csv: {count} photos")


if __name__ == "__main__":
    main()
