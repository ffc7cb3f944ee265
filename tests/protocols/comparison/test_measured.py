import pytest
import torch

from tlx.functional.crossed_interval import crossed_interval
from tlx.protocols.comparison.measured import compared, verdict_of

TRANSFER = torch.tensor([[1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 1.0]])
SCRATCH = torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])


def test_the_gain_is_paired_by_run_and_sample() -> None:
    found = compared("set", TRANSFER, SCRATCH, "accuracy", 0.01)
    assert (found.name, found.samples, found.transfer, found.scratch, found.gain) == (
        "set",
        4,
        0.75,
        0.25,
        0.5,
    )
    assert (found.low, found.high) == pytest.approx(crossed_interval(TRANSFER - SCRATCH, reach=1.0))
    assert found.verdict == verdict_of(found.low, found.high, 0.01)


def test_less_of_an_error_is_a_gain() -> None:
    error, better = (
        compared("set", SCRATCH, TRANSFER, "mae", 0.0),
        compared("set", TRANSFER, SCRATCH, "accuracy", 0.0),
    )
    assert error.gain == better.gain and error.transfer == better.scratch
    assert (error.low, error.high) == pytest.approx(crossed_interval(TRANSFER - SCRATCH))  # has no bounds


def test_nothing_is_claimed_within_the_margin() -> None:
    assert verdict_of(0.01, 0.5, 0.01) == "none shown" == verdict_of(-0.5, -0.01, 0.01)
    same = compared("set", TRANSFER, TRANSFER, "accuracy", 0.0)
    assert (same.gain, same.verdict) == (0.0, "none shown")


def test_a_few_samples_that_all_say_the_same_are_not_certain() -> None:
    """They would have an interval without a width, which is a verdict by a point."""
    one = compared("set", torch.ones(5, 1), torch.zeros(5, 1), "accuracy", 0.01)
    assert (one.gain, one.verdict) == (1.0, "none shown") and one.low < 0 and one.high == 1.0
    many = compared("set", torch.ones(5, 16), torch.zeros(5, 16), "accuracy", 0.01)
    assert many.verdict == "positive transfer" and 0.5 < many.low < 0.9
    error = compared("set", torch.ones(5, 1), torch.zeros(5, 1), "mae", 0.01)
    assert error.verdict == "none shown"
