"""What it means that somebody asks a process to end: at once, or after the next checkpoint.

SIGTERM, SIGHUP and SIGINT end a command: while modules are imported on the spot, otherwise by an
exception. While a training loop runs, they wait for its next checkpoint; a second SIGINT does not.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from tlx.process.children import die_with_parent
from tlx.process.leaving import ENDING, INTERRUPTED, TERMINATED, leave, loading

__all__ = [
    "ENDING",
    "INTERRUPTED",
    "TERMINATED",
    "Terminated",
    "asked",
    "ends_by_the_parent",
    "left_at_once",
    "only_interrupts",
    "saving_first",
    "saving_in_python",
    "show_notice",
    "stop",
    "stoppable",
]

PATIENCE = 1.0
"""Seconds that a second SIGINT waits for Python to run again inside a long computation."""

NOTICE = "tlx: interrupted; ends after the next checkpoint, at once if interrupted again\n"


class Terminated(KeyboardInterrupt):
    """Somebody asked the process to end (SIGTERM, or SIGHUP: its terminal was closed)."""


class _Answer:
    """What this process does with signals right now."""

    number = 0  # the signal that asked it to end
    in_python = False  # whether this is `tlx.fit` in somebody's own process
    saves = False  # whether a training loop looks at `number`
    note: Callable[[], None] | None = None  # what is written down before it is left at once
    insisted = True
    owner = 0
    command: tuple[int, int] = 0, 0  # the process of `stoppable`, and the imports that it was called in
    wakeup: tuple[int, int] | None = None
    mask: set[int | signal.Signals] | None = None


_answer = _Answer()


def asked() -> int:
    """The signal that asked this process to end after its next checkpoint; 0: none did."""
    return _answer.number


def stop(number: int, what: str = "") -> KeyboardInterrupt:
    """The exception that ends a command as a signal asked.

    Args:
        number: The signal.
        what: What became of the run, for people.
    """
    kind = KeyboardInterrupt if number == signal.SIGINT else Terminated
    return kind(what) if what else kind()


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end the work inside as an interrupt does; what nohup ignores stays so."""
    heard = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) != signal.SIG_IGN]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        heard.append(signal.SIGINT)
    _answer.command = os.getpid(), loading(sys._getframe())
    before = {number: signal.signal(number, _stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def left_at_once(note: Callable[[], None], insisted: bool = True) -> Iterator[None]:
    """Inside `stoppable`, have a signal end the process on the spot during some work.

    An exception that a signal raises lands in whatever frame runs, and a destructor or a library
    may swallow it or turn it into another. Work whose files survive a kill needs no unwinding.
    Outside `stoppable`, which is in Python rather than a command, nothing changes.

    Args:
        note: What to write down first.
        insisted: Whether a second SIGINT is somebody who does not want to wait for a checkpoint;
            a launcher that hands on what the terminal has sent already is not.
    """
    if signal.getsignal(signal.SIGTERM) is not _stop:
        yield
        return
    heard = [number for number in ENDING if signal.getsignal(number) is _stop]
    _answer.number, _answer.owner, _answer.insisted = 0, os.getpid(), insisted
    _answer.note = note
    before = {number: signal.signal(number, _hear) for number in heard}
    try:
        with _watched() if insisted and signal.SIGINT in heard else contextlib.nullcontext():
            yield
    finally:
        _answer.note = None
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def saving_in_python() -> Iterator[None]:
    """In a script or a notebook, have what ends it wait for the next checkpoint of a training loop.

    An interrupt is an interrupt afterwards, and what would have killed the process kills it. Signals
    that somebody handles already, and threads other than the main one, stay as they are.
    """
    own: dict[signal.Signals, Any] = dict.fromkeys(ENDING, signal.SIG_DFL)
    own[signal.SIGINT] = signal.default_int_handler
    heard = [number for number, handler in own.items() if signal.getsignal(number) is handler]
    if not heard or threading.current_thread() is not threading.main_thread():
        yield
        return
    _answer.number, _answer.owner, _answer.in_python = 0, os.getpid(), True
    for number in heard:
        signal.signal(number, _hear_in_python)
    asks: Terminated | None = None
    try:
        yield
    except Terminated as error:
        asks = error
        raise
    finally:
        _answer.in_python = False
        for number in heard:
            signal.signal(number, own[number])
        if asks is not None and _answer.number in heard:
            os.kill(os.getpid(), _answer.number)


@contextlib.contextmanager
def saving_first() -> Iterator[None]:
    """Have a signal wait that a process would end by: the work inside looks at `asked` and saves."""
    _answer.saves = _answer.note is not None or _answer.in_python
    try:
        yield
    finally:
        _answer.saves = False


def show_notice(asks: KeyboardInterrupt) -> None:
    """Tell a person who interrupts what happens next; a system that ends a process does not read."""
    if not isinstance(asks, Terminated):
        with contextlib.suppress(OSError):
            os.write(2, NOTICE.encode())


@contextlib.contextmanager
def only_interrupts() -> Iterator[None]:
    """While children end as they were told, hear nobody but a person who insists."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ends_by_the_parent() -> None:
    """Have this process leave every signal to the one that started it, and end with that one."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    die_with_parent()


def _stop(number: int, frame: FrameType | None) -> None:
    process, imports = _answer.command
    if os.getpid() == process and loading(frame) > imports:
        leave(number)
    raise stop(number)


def _hear(number: int, frame: FrameType | None) -> None:
    if os.getpid() != _answer.owner:  # a copy that has no handlers of its own yet
        return
    again = _answer.insisted and number == signal.SIGINT and _answer.number
    if again or not _answer.saves:
        leave(number, _answer.note)
    if not _answer.number:
        show_notice(stop(number))
    _answer.number = _answer.number or number


def _hear_in_python(number: int, frame: FrameType | None) -> None:
    if os.getpid() != _answer.owner:
        return
    waits = _answer.saves and not _answer.number
    _answer.number = _answer.number or number
    if not waits:
        raise stop(number)
    show_notice(stop(number))


@contextlib.contextmanager
def _watched() -> Iterator[None]:
    """Hear a second SIGINT also inside one long computation, where no Python runs in the main thread."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    _answer.wakeup = reader, writer
    threading.Thread(target=_watch, args=(reader,), daemon=True).start()
    try:
        yield
    finally:
        _answer.wakeup = None
        signal.set_wakeup_fd(before)
        os.close(writer)


def _watch(reader: int) -> None:
    before = False
    while numbers := os.read(reader, 64):
        for number in [number for number in numbers if number in ENDING]:
            if not _answer.saves or (before and number == signal.SIGINT):
                time.sleep(PATIENCE)
                if _answer.note is not None:
                    leave(number, _answer.note)
            before = True
    os.close(reader)


def _before_fork() -> None:
    """A signal that a copy gets before it is on its own must not count as one of this process."""
    if _answer.wakeup is not None:
        _answer.mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)


def _after_fork() -> None:
    mask, _answer.mask = _answer.mask, None
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _in_a_copy() -> None:
    if _answer.wakeup is not None:
        with contextlib.suppress(ValueError):  # the copy of another thread
            signal.set_wakeup_fd(-1)
        for end in _answer.wakeup:
            os.close(end)
        _answer.wakeup = None
    _answer.note, _answer.saves, _answer.in_python, _answer.number = None, False, False, 0
    _after_fork()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_a_copy)
