"""The ranges that settings of regularizers have in common."""

import math

from tlx.errors import bad_value

__all__ = ["check_count", "check_positive", "check_ratio", "check_strength"]

MOST = 100
"""Samples of the source for one of a batch, above which it is a slip: each is read in every step."""


def check_strength(key: str, value: float) -> None:
    """Refuse what is no factor of a loss term.

    Raises:
        ConfigError: It is below 0, or no finite number.
    """
    if not 0 <= value < math.inf:
        raise bad_value(key, value, "a number >= 0")


def check_positive(key: str, value: float) -> None:
    """Refuse what cannot be divided by, or be a share of anything.

    Raises:
        ConfigError: It is not above 0, or no finite number.
    """
    if not 0 < value < math.inf:
        raise bad_value(key, value, "a number > 0")


def check_ratio(key: str, value: float) -> None:
    """Refuse what is no number of source samples for each sample of a batch.

    Raises:
        ConfigError: It is not above 0, or above 100.
    """
    if not 0 < value <= MOST:
        allowed = f"a number > 0 and <= {MOST}, of source samples that every step reads for each of its batch"
        raise bad_value(key, value, allowed, f"{key}=1, and a strength that weighs them more")


def check_count(key: str, value: int, otherwise: str = "") -> None:
    """Refuse what is no number of things.

    Args:
        key: Of the setting.
        value: Of it.
        otherwise: What else is allowed, for the message.

    Raises:
        ConfigError: It is below 1.
    """
    if value < 1:
        raise bad_value(key, value, f"a whole number >= 1{otherwise}")
