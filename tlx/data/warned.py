"""Warnings about data: said once where many runs read the same data, and noted for each of them."""

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar

__all__ = ["noted_warnings", "warn", "warned_once"]

_said: ContextVar[set[str] | None] = ContextVar("said", default=None)
_noted: ContextVar[list[str] | None] = ContextVar("noted", default=None)


def warn(log: logging.Logger, text: str) -> None:
    """Note a warning, and say it unless that was done before.

    Args:
        log: Of the module that warns.
        text: One sentence or two.
    """
    noted, said = _noted.get(), _said.get()
    if noted is not None:
        noted.append(text)
    if said is None or text not in said:
        log.warning("%s", text)
    if said is not None:
        said.add(text)


@contextlib.contextmanager
def warned_once() -> Iterator[None]:
    """Inside, each warning is said once, by whichever run comes to it first."""
    token = _said.set(set())
    try:
        yield
    finally:
        _said.reset(token)


@contextlib.contextmanager
def noted_warnings() -> Iterator[list[str]]:
    """What is warned of inside, whether or not it is said."""
    found: list[str] = []
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)
