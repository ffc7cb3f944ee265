"""Subsets that keep the classes: held-out parts and few-shot draws."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tlx.data.order import random_order
from tlx.errors import DataError, bad_value

__all__ = ["check_fractions", "few_shot", "held_out"]

_HELD_OUT, _FEW_SHOT = 0x73706C6974, 0x73686F7473


def held_out(
    labels: NDArray[np.int64], fractions: Sequence[float], seed: int, classes: Sequence[str]
) -> list[NDArray[np.int64]]:
    """Divide samples into what stays and one part per fraction, class by class.

    Each part gets `round(n * fraction)` of a class with n samples, at least one; a fraction
    of 0 gives an empty part.

    Args:
        labels: Shape (N,), in [0, K).
        fractions: The share of each part, together < 1.
        seed: Whole number >= 0; the same seed gives the same parts.
        classes: The K class names.

    Returns:
        Sorted indices: the rest first, then one array per fraction.

    Raises:
        DataError: A class has too few samples to be in every part.
    """
    wanted = [fraction for fraction in fractions if fraction > 0]
    sizes = np.bincount(labels, minlength=len(classes))
    small = [f"{classes[k]} ({n})" for k, n in enumerate(sizes) if 0 < n < len(wanted) + 1]
    if small:
        raise DataError(
            f"cannot hold out {' and '.join(map(str, wanted))} of every class: too few samples in "
            f"{', '.join(small[:10])}",
            fix=f"at least {len(wanted) + 1} samples per class, fewer parts (test_fraction=0), "
            "or val and test data of your own",
        )
    parts: list[list[NDArray[np.int64]]] = [[] for _ in range(len(fractions) + 1)]
    for label in np.flatnonzero(sizes):
        members = np.flatnonzero(labels == label)
        members = members[random_order(len(members), _HELD_OUT, seed, int(label))]
        counts = [max(1, round(len(members) * f)) if f > 0 else 0 for f in fractions]
        while sum(counts) >= len(members):
            counts[int(np.argmax(counts))] -= 1
        bounds = np.cumsum(counts)
        for part, piece in zip([*parts[1:], parts[0]], np.split(members, bounds), strict=True):
            part.append(piece)
    return [np.sort(np.concatenate([*part, np.empty(0, dtype=np.int64)])) for part in parts]


def few_shot(
    labels: NDArray[np.int64], per_class: int, seed: int, classes: Sequence[str]
) -> NDArray[np.int64]:
    """Draw `per_class` samples of every class; a larger draw holds every smaller one.

    Args:
        labels: Shape (N,), in [0, K).
        per_class: Samples per class, >= 1.
        seed: Whole number >= 0.
        classes: The K class names.

    Returns:
        Sorted indices, shape (K * per_class,).

    Raises:
        ConfigError: `per_class` is below 1.
        DataError: A class has fewer samples.
    """
    if per_class < 1:
        raise bad_value("per_class", per_class, "a whole number >= 1, or null for all samples")
    sizes = np.bincount(labels, minlength=len(classes))
    small = [f"{name} ({n})" for name, n in zip(classes, sizes, strict=True) if n < per_class]
    if small:
        raise DataError(
            f"per_class={per_class} is more than the training split has of {', '.join(small[:10])}",
            fix=f"data.per_class={sizes.min()} or less" if sizes.min() else "data for every class",
        )
    drawn = []
    for label in range(len(classes)):
        members = np.flatnonzero(labels == label)
        drawn.append(members[random_order(len(members), _FEW_SHOT, seed, label)[:per_class]])
    return np.sort(np.concatenate(drawn))


def check_fractions(val_fraction: float, test_fraction: float, split_seed: int) -> None:
    """Refuse shares that leave nothing to train on.

    Raises:
        ConfigError: A value is out of its range.
    """
    if not 0 < val_fraction < 1:
        raise bad_value("val_fraction", val_fraction, "a share in (0, 1)", "val_fraction=0.2")
    if not 0 <= test_fraction < 1:
        raise bad_value("test_fraction", test_fraction, "a share in [0, 1)", "test_fraction=0.2")
    if val_fraction + test_fraction >= 1:
        total = val_fraction + test_fraction
        raise bad_value("val_fraction + test_fraction", total, "a share below 1", "smaller fractions")
    if split_seed < 0:
        raise bad_value("split_seed", split_seed, "a whole number >= 0")
