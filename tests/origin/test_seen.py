import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.data.test_duplicates import Counted
from tests.origin.known import origin_on
from tlx.origin.seen import seen, warn_of_seen
from tlx.types import Splits


def asked(measured: list[str], train: list[str], val: list[str], by_val: bool = False) -> Any:
    """As much of an origin as is asked."""
    known, left = Splits(Counted(["k"]), Counted(measured), None, ("a",)), Counted(["unread"])
    if not by_val:
        known = Splits(Counted(["k"]), left, Counted(measured), ("a",))
    data = Splits(Counted(train), Counted(val), Counted(measured), ("b",))
    return SimpleNamespace(source_at_hand=SimpleNamespace(splits=known), data=SimpleNamespace(splits=data))


@pytest.mark.parametrize("by_val", [True, False])
def test_measured_samples_that_the_run_learns_or_is_chosen_on_are_found(by_val: bool) -> None:
    found = seen(asked(["aa", "b", "cc"], ["aa", "k"], ["cc"], by_val))
    assert found is not None
    assert found.tolist() == [True, False, True]


def test_a_warning_counts_them(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_seen(asked(["aa", "b", "cc"], ["aa"], ["dd"]))
    (said,) = caplog.messages
    assert "1 of the 3 source samples that measure what is forgotten is in train or val" in said
    assert "Try:" in said


def test_nothing_is_said_of_samples_apart(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_seen(asked(["aa"], ["bb"], ["cc"]))
    assert not caplog.messages


def test_samples_without_bytes_are_not_compared(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    origin, _ = origin_on(tmp_path)
    assert seen(origin) is None
    warn_of_seen(origin)
    assert not caplog.messages
