"""Which tlx made a file, so that an older one says so instead of misreading it."""

import functools
import importlib.metadata
import re
from pathlib import Path
from typing import Any

from tlx.errors import CheckpointError

__all__ = ["FORMAT", "PACKAGES", "made_by", "refuse_newer", "version"]

FORMAT = 1
"""Of checkpoints, bundles, plans and states; it grows where an older tlx would misread them."""

PACKAGES = {
    "PIL": "pillow",
    "timm": "timm",
    "tokenizers": "tokenizers",
    "transformers": "transformers",
}
"""What reads the samples or makes the networks of some runs: as it is imported, and as it is installed."""


@functools.cache
def version(package: str) -> str:
    """The version of an installed package, looked up once in a process: that parses all it says of itself.

    Raises:
        PackageNotFoundError: It is not installed.
    """
    return importlib.metadata.version(package)


def made_by() -> dict[str, Any]:
    """What a file says of the tlx that wrote it: `format` and `tlx`, the version."""
    return {"format": FORMAT, "tlx": version("tlx")}


def refuse_newer(mark: Any, what: str, where: Path) -> None:
    """Refuse what a newer tlx made: of a higher format, or a higher version in its first two numbers.

    Args:
        mark: As `made_by` gave it; a file of before there were marks has none.
        what: What carries it, for people.
        where: The file.

    Raises:
        CheckpointError: It is newer, or its mark is none.
    """
    if mark is None:
        return
    try:
        written = int(mark["format"])
        theirs = str(mark.get("tlx") or "")
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise CheckpointError(f"{what} does not say which tlx made it", where=str(where)) from error
    mine = version("tlx")
    if _release(theirs) > _release(mine):
        made = f"made by tlx {theirs[:40]}, this is {mine}"
    elif written > FORMAT:
        made = f"made in format {written}, this is tlx {mine}, which reads up to {FORMAT}"
    else:
        return
    raise CheckpointError(f"{what} was {made}", where=str(where), fix="pip install --upgrade tlx")


def _release(text: str) -> tuple[int, ...]:
    """The first two numbers of a version.

    >>> _release("0.12.3rc1") > _release("0.9"), _release("")
    (True, ())
    """
    found = re.match(r"(\d{1,9})(?:\.(\d{1,9}))?", text)
    return tuple(int(number or 0) for number in found.groups()) if found else ()
