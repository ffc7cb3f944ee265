"""Processes that this one started, and how they end with it."""

import contextlib
import signal
import threading

__all__ = ["die_with_parent", "end_children", "killed_by"]


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have this process end when the one that started it does, where the system can (Linux)."""
    with contextlib.suppress(OSError, AttributeError, ImportError):
        import ctypes

        ctypes.CDLL(None).prctl(1, number)


def end_children() -> None:
    """Kill what multiprocessing started here; loading processes have nothing to write down."""
    import multiprocessing

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch raises where a loading process dies
    for child in multiprocessing.active_children():
        with contextlib.suppress(AssertionError, OSError):  # AssertionError: another's child
            if child.is_alive():
                child.kill()
                child.join(1)


def killed_by(code: int) -> str:
    """What ended a process whose exit code is below 0, for people.

    >>> killed_by(-9), killed_by(-99)
    ('killed by SIGKILL', 'killed by signal 99')
    """
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
