import time

import pytest

from tests.doctor.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The only time there is."""
    made = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    return made
