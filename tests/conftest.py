import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.command import Server

NOBODY = 65534
ROOM = 2 << 30
"""Bytes that tests write at most, beside the twentieth of the disk that the cache leaves free."""


def pytest_sessionstart() -> None:
    """A hundred tests of the cache would fail one after the other, and none would say why."""
    disk = shutil.disk_usage(tempfile.gettempdir())
    if disk.free > disk.total / 4:
        return
    from tlx.cache.budget import SPARE  # takes seconds of imports

    if disk.free < SPARE * disk.total + ROOM:
        share = f"{disk.free / disk.total:.1%} of the disk of {tempfile.gettempdir()} is free"
        pytest.exit(f"{share}, where the cache leaves {SPARE:.0%} alone. Try: TMPDIR=FOLDER make test", 2)


@pytest.fixture(scope="session")
def command() -> Iterator[Server]:
    """The command `tlx` as real processes."""
    server = Server()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _forgotten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Modules that a test wrote are not found by the next one, which may write others of the same name."""
    known = set(sys.modules)
    yield
    written = str(tmp_path_factory.getbasetemp())
    for name in set(sys.modules) - known:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(written):
            del sys.modules[name]


@pytest.fixture
def as_nobody(tmp_path: Path) -> Callable[[], AbstractContextManager[None]]:
    """Whoever runs the tests, what is done in this context is done without a superuser's rights."""

    @contextlib.contextmanager
    def context() -> Iterator[None]:
        if os.geteuid():
            yield
            return
        above = [path for path in tmp_path.parents if not path.stat().st_mode & 0o001]
        modes = [path.stat().st_mode for path in above]
        for path, mode in zip(above, modes, strict=True):
            path.chmod(mode | 0o011)
        tmp_path.chmod(tmp_path.stat().st_mode | 0o055)
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
            for path, mode in zip(above, modes, strict=True):
                path.chmod(mode)

    return context
