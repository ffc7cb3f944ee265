"""What a folder for a run may be called, and how it is shown."""

import os
from pathlib import Path

from tlx.errors import ConfigError, printable

__all__ = ["refuse_name", "shown"]

LONGEST = 255
"""Bytes of one part of a path that file systems take."""

LONGEST_PATH = 4000
"""Bytes of a whole path, with room for the files in the folder."""


def refuse_name(wish: str) -> None:
    """Refuse what is no name for a folder here, or leads up and out of where it begins.

    Args:
        wish: As given by `run_dir` or `sweep_dir`.

    Raises:
        ConfigError: It is empty, holds `..` or a character no terminal shows, or is too long.
    """
    text = str(wish)
    parts = [os.fsencode(part) for part in Path(text).parts] if "\0" not in text else []
    if not text.strip() or ".." in Path(text).parts:
        want = "a folder without .."
    elif not all(character.isprintable() or "\udc80" <= character <= "\udcff" for character in text):
        want = "a name without control characters"
    elif any(len(part) > LONGEST for part in parts):
        want = f"names of at most {LONGEST} bytes"
    elif len(os.fsencode(os.path.abspath(text))) > LONGEST_PATH:
        want = f"a path of at most {LONGEST_PATH} bytes"
    elif text.startswith("~") and os.path.expanduser(text) == text:
        want = "the folder of a user there is"
    else:
        return
    raise ConfigError(
        f"the folder {printable(text, 80)!r} is not usable. Expected {want}", fix="run_dir=runs/first"
    )


def shown(path: Path) -> str:
    """A path as a person would type it here."""
    try:
        return str(Path(os.path.abspath(path)).relative_to(Path.cwd()))
    except ValueError:
        return str(path)
