import math

import pytest

from tlx.errors import ConfigError
from tlx.origin.ranges import check_count, check_positive, check_ratio, check_strength


@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan])
def test_a_strength_is_a_finite_number_from_zero(value: float) -> None:
    check_strength("regularizer.ewc.strength", 0.0)
    with pytest.raises(ConfigError, match=r"regularizer\.ewc\.strength=.* a number >= 0"):
        check_strength("regularizer.ewc.strength", value)


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_a_temperature_is_above_zero(value: float) -> None:
    check_positive("regularizer.lwf.temperature", 1e-9)
    with pytest.raises(ConfigError, match=r"regularizer\.lwf\.temperature=.* a number > 0"):
        check_positive("regularizer.lwf.temperature", value)


@pytest.mark.parametrize("value", [0.0, -1.0, 100.5, 1e9, math.inf, math.nan])
def test_a_ratio_is_above_zero_and_no_more_than_a_step_can_read(value: float) -> None:
    check_ratio("regularizer.replay.ratio", 1e-9)
    check_ratio("regularizer.replay.ratio", 100)
    with pytest.raises(
        ConfigError, match=r"regularizer\.replay\.ratio=.* a number > 0 and <= 100"
    ) as refused:
        check_ratio("regularizer.replay.ratio", value)
    assert refused.value.fix.startswith("regularizer.replay.ratio=1, and a strength")


def test_a_count_begins_at_one_and_says_what_else_is_allowed() -> None:
    check_count("regularizer.ewc.samples", 1)
    with pytest.raises(ConfigError, match="a whole number >= 1, or null for all"):
        check_count("regularizer.ewc.samples", 0, ", or null for all")
