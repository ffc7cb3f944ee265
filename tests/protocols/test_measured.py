import pytest
import torch

from tlx.functional.crossed_interval import crossed_interval
from tlx.protocols.measured import compared, verdict_of

TRANSFER = torch.tensor([[1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 1.0]])
SCRATCH = torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])


def test_the_gain_is_paired_by_run_and_sample() -> None:
    found = compared("set", TRANSFER, SCRATCH, True, 0.01)
    assert (found.name, found.samples, found.transfer, found.scratch, found.gain) == (
        "set",
        4,
        0.75,
        0.25,
        0.5,
    )
    assert (found.low, found.high) == pytest.approx(crossed_interval(TRANSFER - SCRATCH))
    assert found.verdict == verdict_of(found.low, found.high, 0.01)


def test_less_of_an_error_is_a_gain() -> None:
    error, better = (
        compared("set", SCRATCH, TRANSFER, False, 0.0),
        compared("set", TRANSFER, SCRATCH, True, 0.0),
    )
    assert (error.gain, error.low, error.high) == (better.gain, better.low, better.high)
    assert error.transfer == better.scratch


def test_nothing_is_claimed_within_the_margin() -> None:
    assert verdict_of(0.01, 0.5, 0.01) == "none shown" == verdict_of(-0.5, -0.01, 0.01)
    same = compared("set", TRANSFER, TRANSFER, True, 0.0)
    assert (same.gain, same.verdict) == (0.0, "none shown")
