"""Which ranks ended without a word, and how, as torch's launcher tells it."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tlx.process.children import killed_by

__all__ = ["dead_ranks", "told_since"]

MOST = 1 << 20
"""Bytes of the launcher's last words that are looked at."""

AT_ONCE = re.compile(r"failed \(exitcode: (?P<code>-?\d+)\) local_rank: (?P<rank>\d+)")
IN_THE_END = re.compile(r"rank +: (?P<rank>\d+) \(local_rank: \d+\)\s+exitcode +: (?P<code>-?\d+)")


def told_since(log: Path, begun: int) -> str:
    """What a log was told since it had so many bytes."""
    with log.open("rb") as file:
        file.seek(max(begun, log.stat().st_size - MOST))
        return file.read().decode("utf-8", "replace")


def dead_ranks(devices: int, notes: Iterable[Mapping[str, Any]], told: str) -> str:
    """How the ranks died that could write no note, for people; empty where each wrote one.

    Args:
        devices: How many ranks there were.
        notes: What ranks wrote down before they ended.
        told: What torch's launcher said.
    """
    spoke = {note.get("rank") for note in notes}
    codes = {int(m["rank"]): int(m["code"]) for form in (IN_THE_END, AT_ONCE) for m in form.finditer(told)}
    dead = [f"rank {rank} {_how(codes[rank])}" for rank in range(devices) if rank in {*codes} - spoke]
    return ", ".join(dead)


def _how(code: int) -> str:
    return f"left with exit code {code}" if code >= 0 else f"was {killed_by(code)}"
