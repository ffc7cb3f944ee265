"""What is typed to have tlx do something."""

import shlex
from collections.abc import Sequence

__all__ = ["SCRATCH", "command_line"]

SCRATCH = "strategy=scratch"
"""Chooses the strategy that knows nothing."""


def command_line(verb: str, words: Sequence[str]) -> str:
    """One line that a shell reads as a verb of tlx and these words.

    >>> print(command_line("fit", ["seed=1", "data.root=/my photos"]))
    tlx fit seed=1 'data.root=/my photos'
    """
    return shlex.join(["tlx", verb, *words])
