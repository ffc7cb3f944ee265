"""One thing that was looked at: how it stands, and a way out where it stands badly."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Level", "shown"]

Level = Literal["ok", "warn", "bad"]


@dataclass(frozen=True)
class Finding:
    """A line of `tlx doctor` or `tlx advise`.

    Args:
        level: `ok`; `warn`: it works, and perhaps not as meant; `bad`: it cannot work, or harms.
        what: What was measured, as a sentence without a full stop.
        fix: A way out, which completes "Try: ..."; empty where all is well.
        device: Whether it is a device that is at fault.
    """

    level: Level
    what: str
    fix: str = ""
    device: bool = False

    def line(self) -> str:
        """As it is printed.

        >>> Finding("warn", "1 GB is free", "another disk").line()
        '  warn  1 GB is free. Try: another disk'
        """
        return f"  {self.level:4}  {self.what}" + (f". Try: {self.fix}" if self.fix else "")


def shown(title: str, findings: Iterable[Finding]) -> str:
    """A title and a line for each finding."""
    return "\n".join([title, *(finding.line() for finding in findings)])
