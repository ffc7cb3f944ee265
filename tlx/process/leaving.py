"""How a process is left on the spot, without an exception that might be swallowed on its way."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from tlx.process.children import end_children

__all__ = ["ENDING", "INTERRUPTED", "TERMINATED", "leave", "loading", "undone"]

INTERRUPTED, TERMINATED = 130, 143
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
"""The signals that ask a process to end."""

IMPORTS = "<frozen importlib._bootstrap>"

_undo: list[tuple[int, Callable[[], object]]] = []
"""What a process, by its number, does before it is left."""


def leave(number: int, note: Callable[[], None] | None = None) -> NoReturn:
    """End this process and its children now, with one line.

    Args:
        number: The signal that asked for it.
        note: What to write down first.
    """
    if threading.current_thread() is threading.main_thread():
        for each in ENDING:
            signal.signal(each, signal.SIG_IGN)
    mine = [work for process, work in _undo if process == os.getpid()]
    for work in [*([note] if note is not None else []), *mine]:
        with contextlib.suppress(Exception):
            work()
    end_children()
    interrupted = number == signal.SIGINT
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # RuntimeError: it was being written to
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        os.write(2, f"tlx: {'interrupted' if interrupted else 'terminated'}\n".encode())
    os._exit(INTERRUPTED if interrupted else TERMINATED)


@contextlib.contextmanager
def undone(work: Callable[[], object]) -> Iterator[None]:
    """Have this process, not a copy of it, undo something where it is left inside.

    Args:
        work: What an exception would have undone by unwinding.
    """
    entry = os.getpid(), work
    _undo.append(entry)
    try:
        yield
    finally:
        _undo.remove(entry)


def loading(frame: FrameType | None) -> int:
    """How many modules are being imported by what runs in a frame.

    An exception raised there is at the mercy of libraries in C, which swallow it, abort, or
    turn it into an ImportError.
    """
    count = 0
    while frame is not None:
        count += frame.f_code.co_filename == IMPORTS and frame.f_code.co_name == "_find_and_load"
        frame = frame.f_back
    return count
