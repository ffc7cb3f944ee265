from pathlib import Path

import pytest

from tests.cache.entries import KB
from tlx.cache.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store with room for ten small entries."""
    made = Store(tmp_path / "features", 10 * KB)
    assert made.is_usable()
    return made
