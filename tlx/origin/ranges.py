"""The ranges that settings of regularizers have in common."""

import math

from tlx.errors import bad_value

__all__ = ["check_count", "check_positive", "check_strength"]


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
