"""CPU seconds from the first to the last batch, and what a row says of itself."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["Clock", "words"]


class Clock:
    """User and system seconds of this process and of the children it has waited for."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._ended = 0.0

    def start(self) -> None:
        """The first batch is about to be read; a second call changes nothing."""
        if self._began is None:
            self._began = _spent()

    def stop(self) -> None:
        """A batch, or the validation behind it, is over; the last call counts."""
        self._ended = _spent()

    def report(self, out: str, losses: Sequence[float], packages: Sequence[str], **more: Any) -> None:
        """Write what the parent reads.

        Args:
            out: The file.
            losses: Mean training loss of each epoch.
            packages: Whose versions belong to the result.
            **more: Further plain values.

        Raises:
            RuntimeError: Nothing was timed.
        """
        if self._began is None:
            raise RuntimeError("the clock was never started")
        versions = {"python": platform.python_version()} | {name: version(name) for name in packages}
        content = {
            "batches": self._ended - self._began,
            "losses": list(losses),
            "versions": versions,
            **more,
        }
        Path(out).write_text(json.dumps(content), encoding="utf-8")


def words(argv: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    """`key=value` of a command line over defaults.

    >>> words(["epochs=2"], {"epochs": "5", "bar": "true"})
    {'epochs': '2', 'bar': 'true'}

    Raises:
        SystemExit: A key is unknown.
    """
    given = dict(word.split("=", 1) for word in argv)
    if unknown := given.keys() - known.keys():
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return {**known, **given}


def _spent() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
