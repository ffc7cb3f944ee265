"""Features of two domains, as every distance between them takes them."""

import torch  # noqa: F401  # for the examples
from torch import Tensor

from tlx.errors import NumericalError, bad_value

__all__ = ["feature_pair", "feature_rows"]


def feature_rows(features: Tensor, name: str = "features", at_least: int = 2) -> Tensor:
    """Features in double precision, after a look at their shape and values.

    >>> feature_rows(torch.tensor([[1], [2]])).tolist()
    [[1.0], [2.0]]

    Args:
        features: Shape (N, D), N >= `at_least`, D >= 1.
        name: What an error calls them.
        at_least: The fewest samples that will do.

    Returns:
        Shape (N, D), float64.

    Raises:
        ConfigError: Another shape, or fewer samples.
        NumericalError: A value is not finite.
    """
    if features.ndim != 2 or features.shape[1] < 1:
        raise bad_value(f"{name}.shape", tuple(features.shape), "samples x dimensions", "flatten(1)")
    if len(features) < at_least:
        raise bad_value(f"len({name})", len(features), f"at least {at_least} samples", "more data")
    rows = features.detach().double()
    if wrong := int((~rows.isfinite()).any(dim=1).sum()):
        raise NumericalError(
            f"{wrong} of {len(rows)} samples of {name} have features that are not finite",
            fix="a look at these samples, or precision 32 where the features are made",
        )
    return rows


def feature_pair(source: Tensor, target: Tensor, at_least: int = 2) -> tuple[Tensor, Tensor]:
    """Features of two domains in double precision.

    Args:
        source: Shape (N, D).
        target: Shape (M, D).
        at_least: The fewest samples of a domain that will do.

    Raises:
        ConfigError: The domains differ in their dimensions, or as in `feature_rows`.
        NumericalError: A value is not finite.
    """
    first, second = feature_rows(source, "source", at_least), feature_rows(target, "target", at_least)
    if first.shape[1] != second.shape[1]:
        raise bad_value(
            "dimensions of source and target",
            (first.shape[1], second.shape[1]),
            "the same number",
            "features of one stage of one network",
        )
    return first, second
