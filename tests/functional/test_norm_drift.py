import math

import pytest
import torch

from tlx.errors import ConfigError
from tlx.functional.norm_drift import Moments, nearer, norm_drift

ZERO, ONE = torch.zeros(4), torch.ones(4)


def moments(place: float, spread: float, count: int = 40, seed: int = 0) -> Moments:
    values = (
        place + spread * torch.randn(count, 4, 50, generator=torch.Generator().manual_seed(seed)).double()
    )
    return Moments(values.mean(dim=2), values.square().mean(dim=2))


def test_the_drift_by_hand() -> None:
    exact = Moments(torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([[6.0, 4.0], [10.0, 4.0]]))
    # means 2 and 0, variances 8 - 4 = 4 and 4
    expected = (2 * 4 / (4 + 1) + math.log(2) ** 2 + math.log(2) ** 2) / 2
    assert norm_drift(exact, torch.zeros(2), torch.ones(2), 1e-12).item() == pytest.approx(expected)


def test_too_little_is_as_far_as_too_much() -> None:
    less, more = (norm_drift(moments(0, spread), ZERO, ONE).item() for spread in (0.25, 4.0))
    assert less == pytest.approx(more, rel=0.05)
    assert norm_drift(moments(0, 1), ZERO, ONE).item() < 0.01


def test_nearer_is_told_and_farther_is_not() -> None:
    found, back = (nearer(*pair, ZERO, ONE) for pair in _both(moments(1, 1), moments(0.1, 1)))
    assert found.ratio > 10
    assert found.p < 1e-4
    assert back.ratio == pytest.approx(1 / found.ratio)
    assert back.p > 0.99


def _both(first: Moments, second: Moments) -> list[tuple[Moments, Moments]]:
    return [(first, second), (second, first)]


def test_as_near_is_seldom_told() -> None:
    found = [nearer(moments(0.5, 1, 30, s), moments(-0.5, 1, 30, s + 500), ZERO, ONE).p for s in range(200)]
    assert sum(p < 0.05 for p in found) < 24


def test_samples_that_are_no_pairs_are_refused() -> None:
    with pytest.raises(ConfigError, match="samples"):
        nearer(moments(0, 1, 5), moments(0, 1, 6), ZERO, ONE)
    with pytest.raises(ConfigError, match="at least 3"):
        nearer(moments(0, 1, 2), moments(0, 1, 2), ZERO, ONE)
