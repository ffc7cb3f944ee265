import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.command import Server

NOBODY = 65534


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
