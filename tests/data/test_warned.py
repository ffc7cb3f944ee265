import logging

import pytest

from tlx.data.warned import noted_warnings, warn, warned_once

LOG = logging.getLogger("tlx.data.tested")


def test_outside_every_warning_is_said(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        warn(LOG, "100 % twice")
    assert caplog.messages == ["100 % twice"] * 2


def test_inside_each_is_said_once_and_noted_every_time(caplog: pytest.LogCaptureFixture) -> None:
    with warned_once():
        for _ in range(2):
            with noted_warnings() as noted:
                warn(LOG, "copies")
                warn(LOG, "others")
            assert noted == ["copies", "others"]
    assert caplog.messages == ["copies", "others"]


def test_what_was_said_is_forgotten_behind_it_even_where_it_fails(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        with warned_once(), noted_warnings():
            warn(LOG, "copies")
            raise OSError("full")

    for _ in range(2):
        with pytest.raises(OSError, match="full"):
            fail()
    warn(LOG, "copies")
    assert caplog.messages == ["copies"] * 3
