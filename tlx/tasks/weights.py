"""Weights of classes, given by name."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tlx.errors import bad_value, unknown_name

__all__ = ["check_weights", "weights_by_name"]

BALANCED = "balanced"


def check_weights(key: str, weights: str | Mapping[str, float] | None) -> None:
    """Refuse what is neither None, "balanced" nor weights > 0.

    Args:
        key: What it is called, for the error.
        weights: What was given.

    Raises:
        ConfigError: It is something else.
    """
    fix = f"'{key}={{NAME: 2.0}}' with your class"
    if weights is None or weights == BALANCED:
        return
    if not isinstance(weights, Mapping):
        raise bad_value(key, weights, "balanced, a weight for each class by its name, or null", fix)
    for name, weight in weights.items():
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not (number and math.isfinite(weight) and weight > 0):
            raise bad_value(f"{key} of {name}", weight, "a number > 0", fix)


def weights_by_name(
    key: str, weights: str | Mapping[str, float] | None, classes: Sequence[str]
) -> NDArray[np.float64]:
    """The weight of every class, 1 where none is given, shape (K,).

    Raises:
        ConfigError: A weight is for a class that is not there.

    >>> weights_by_name("weights", {"bee": 3}, ["ant", "bee"]).tolist()
    [1.0, 3.0]
    """
    given = {str(name): weight for name, weight in weights.items()} if isinstance(weights, Mapping) else {}
    for name in given:
        if name not in classes:
            raise unknown_name(f"class of {key}", name, classes)
    return np.array([float(given.get(name, 1.0)) for name in classes])
