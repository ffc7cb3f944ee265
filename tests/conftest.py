from collections.abc import Iterator

import pytest

from tests.command import Server


@pytest.fixture(scope="session")
def command() -> Iterator[Server]:
    """The command `tlx` as real processes."""
    server = Server()
    yield server
    server.close()
