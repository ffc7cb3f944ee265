"""What can go wrong, said in one line: what was given, what is allowed, a way out.

Every error carries the exit code of its kind, so that a shell script can tell a
misspelt override from a full disk.
"""

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DistributedError",
    "NumericalError",
    "ResourceError",
    "SecurityError",
    "SweepError",
    "TlxError",
    "bad_value",
    "nearest",
    "printable",
    "unknown_name",
]


LONGEST = 1000
"""Characters of each part of an error's line."""


class TlxError(Exception):
    """An error that tlx expects and explains.

    Args:
        what: What happened, in one sentence without a full stop.
        where: The key, file or run it happened in; empty when `what` says it.
        fix: What the person can do, as a sentence that completes "Try: ...".
    """

    name = "internal"
    exit_code = 70

    def __init__(self, what: str, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(what, where, fix)

    def __str__(self) -> str:
        place = f", {self.where}" if self.where else ""
        advice = f". Try: {self.fix}" if self.fix else ""
        return f"{self.what}{place}{advice}"

    def line(self) -> str:
        """The one line that reaches the screen: no control character, and no name without an end."""
        parts = (printable(part, LONGEST) for part in (self.what, self.where, self.fix))
        text = TlxError.__str__(TlxError(*parts))
        return f"tlx: error[{self.name}]: {text}"


class ConfigError(TlxError, ValueError):
    """A setting that cannot be used."""

    name = "config"
    exit_code = 2


class DataError(TlxError):
    """Data that is missing, unreadable or inconsistent."""

    name = "data"
    exit_code = 3


class CheckpointError(TlxError):
    """A checkpoint, bundle or run directory that cannot be read."""

    name = "checkpoint"
    exit_code = 4


class NumericalError(TlxError):
    """A loss or weight that is not finite."""

    name = "numerical"
    exit_code = 5


class ResourceError(TlxError):
    """Memory or disk that ran out."""

    name = "resources"
    exit_code = 6


class SecurityError(TlxError):
    """Something that would run code nobody agreed to."""

    name = "security"
    exit_code = 7


class SweepError(TlxError):
    """Jobs of a sweep that failed while others went on."""

    name = "sweep"
    exit_code = 8


class DistributedError(TlxError):
    """A rank or a worker that died or hung."""

    name = "distributed"
    exit_code = 9


def printable(text: Any, limit: int) -> str:
    r"""Text from outside as one line that no terminal takes for a command.

    What is too long loses its middle.

    >>> printable("a\x1b[2J\nb", 20), printable("x" * 99, 9)
    ('a�[2J b', 'xxxx…xxxx')
    """
    line = " ".join(str(text).split())
    line = "".join(character if character.isprintable() else "\ufffd" for character in line)
    if len(line) <= limit:
        return line
    keep = limit // 2
    return f"{line[:keep]}…{line[-keep:]}"


def bad_value(name: str, got: object, want: str, fix: str = "") -> ConfigError:
    """Build the error for a value out of its range.

    >>> str(bad_value("epochs", 0, "a whole number >= 1"))
    'epochs=0 is not usable. Expected a whole number >= 1'
    """
    return ConfigError(f"{name}={got!r} is not usable. Expected {want}", fix=fix)


def nearest(got: str, known: Iterable[str]) -> str | None:
    """The known name most like `got`, or None when nothing is alike.

    >>> nearest("fulll", ["full", "partial"])
    'full'
    """
    close = difflib.get_close_matches(got, list(known), n=1, cutoff=0.5)
    return close[0] if close else None


def unknown_name(kind: str, got: str, known: Iterable[str]) -> ConfigError:
    """Build the error for a name that does not exist, with the nearest one that does.

    >>> str(unknown_name("stage", "layer5", ["layer1", "layer4"]))
    "no stage 'layer5'. Known: layer1, layer4. Try: layer4"
    """
    names = sorted(known)
    near = nearest(got, names)
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return ConfigError(f"no {kind} {got!r}. Known: {shown or 'none'}", fix=near or "")
