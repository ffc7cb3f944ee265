"""Subsets that keep the classes: held-out parts and few-shot draws."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlx.data.order import random_order
from tlx.errors import ConfigError, DataError, bad_value
from tlx.types import Split, Splits

__all__ = ["check_fractions", "divided", "few_shot", "held_out", "in_proportion", "portion"]

_HELD_OUT, _FEW_SHOT, _PORTION = 0x73706C6974, 0x73686F7473, 0x7368617265
_BINS = 10
_UNLABELLED = 1 << 32
"""The key of what has no class; no class has so large a number."""


def divided(
    found: Mapping[str, Split], fractions: tuple[float, float], seed: int, classes: Sequence[str]
) -> Splits:
    """Hold out of train what a data set lacks.

    Args:
        found: "train", and "val" and "test" where there are any.
        fractions: Of train for val, where there is none, and for test, where there is neither; 0: no test.
        seed: Whole number >= 0.
        classes: The names of the classes, or of the numbers.

    Raises:
        DataError: A class has too few samples to be in every part.
    """
    train, val, test = found["train"], found.get("val"), found.get("test")
    if val is None:
        shares = fractions if test is None else (fractions[0], 0.0)
        rest, for_val, for_test = held_out(train.labels, shares, seed, classes)
        if len(for_test):
            test = train.subset(for_test)
        train, val = train.subset(rest), train.subset(for_val)
    return Splits(train, val, test, tuple(classes))


def held_out(
    labels: NDArray[Any], fractions: Sequence[float], seed: int, classes: Sequence[str]
) -> list[NDArray[np.int64]]:
    """Divide samples into what stays and one part per fraction, alike in their labels.

    Each part gets `round(n * fraction)` of n samples, at least one; a fraction of 0 gives an
    empty part. What n samples are depends on the labels:

    * one class, shape (N,): those of a class;
    * classes, shape (N, K) of 0 and 1, uint8: the positives of a class, the rarest class
      first, each of the samples that no rarer class has placed, after the iterative
      stratification of Sechidis, Tsoumakas and Vlahavas 2011
      (https://doi.org/10.1007/978-3-642-23808-6_10), with the order of the classes fixed at
      the start; then what has no class, so that the sizes come right. A class with positives
      always has one in what stays;
    * numbers, shape (N, R), float32: those between two deciles of the first number (fewer
      and wider bins where a part's share of a decile would be less than one sample).

    Args:
        labels: As above; a class is a position in `classes`.
        fractions: The share of each part, together < 1.
        seed: Whole number >= 0; the same seed gives the same parts.
        classes: The K class names.

    Returns:
        Sorted indices: the rest first, then one array per fraction.

    Raises:
        DataError: A class, or the whole, has too few samples to be in every part.
    """
    if labels.ndim == 1:
        return _by_class(labels, fractions, seed, classes)
    wanted = [fraction for fraction in fractions if fraction > 0]
    if len(labels) < len(wanted) + 1:
        raise DataError(
            f"cannot hold out {' and '.join(map(str, wanted))} of {len(labels)} samples",
            fix="more samples, or val and test data of your own",
        )
    if labels.dtype.kind == "f":
        return _by_class(_bins(labels[:, 0], wanted), fractions, seed, ())
    return _by_classes(labels, fractions, seed)


def _by_class(
    labels: NDArray[np.int64], fractions: Sequence[float], seed: int, classes: Sequence[str]
) -> list[NDArray[np.int64]]:
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
    for label, members in enumerate(_members(labels, sizes)):
        if len(members) == 0:
            continue
        members = members[random_order(len(members), _HELD_OUT, seed, label)]
        bounds = np.cumsum(_counts(len(members), fractions))
        for part, piece in zip([*parts[1:], parts[0]], np.split(members, bounds), strict=True):
            part.append(piece)
    return [np.sort(np.concatenate([*part, np.empty(0, dtype=np.int64)])) for part in parts]


def _by_classes(labels: NDArray[Any], fractions: Sequence[float], seed: int) -> list[NDArray[np.int64]]:
    places = np.full(len(labels), -1, dtype=np.int8)  # 0 stays, p goes to the p-th part

    def place(members: NDArray[np.int64], wanted: list[int], present: NDArray[np.int64], key: int) -> None:
        members = members[random_order(len(members), _HELD_OUT, seed, key)]
        missing = [max(0, count - int(present[p + 1])) for p, count in enumerate(wanted)]
        spare = len(members) - (1 if present[0] == 0 else 0)
        while sum(missing) > max(spare, 0):
            missing[max(range(len(missing)), key=lambda p: (missing[p], p))] -= 1
        bounds = np.cumsum(missing)
        for p, piece in enumerate(np.split(members, bounds)):
            places[piece] = p + 1 if p < len(missing) else 0

    positives = labels.sum(axis=0, dtype=np.int64)
    parts = len(fractions) + 1
    for label in np.argsort(positives, kind="stable"):
        having = np.flatnonzero(labels[:, label])
        placed = places[having]
        present = np.bincount(placed[placed >= 0], minlength=parts)
        place(having[placed < 0], _rounded(len(having), fractions), present, int(label))
    present = np.bincount(places[places >= 0], minlength=parts)
    place(np.flatnonzero(places < 0), _rounded(len(labels), fractions), present, _UNLABELLED)
    for label in np.flatnonzero(positives):
        having = np.flatnonzero(labels[:, label])
        if not (places[having] == 0).any():
            places[having[0]] = 0
    return [np.flatnonzero(places == part) for part in range(parts)]


def _rounded(samples: int, fractions: Sequence[float]) -> list[int]:
    return [max(1, round(samples * fraction)) if fraction > 0 else 0 for fraction in fractions]


def _counts(samples: int, fractions: Sequence[float]) -> list[int]:
    """How many of some samples each part gets; one at least stays."""
    counts = _rounded(samples, fractions)
    while any(counts) and sum(counts) >= samples:
        counts[int(np.argmax(counts))] -= 1
    return counts


def _members(labels: NDArray[np.int64], sizes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The samples of each class, ascending; one sort, however many classes there are."""
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(sizes)[:-1]) if len(sizes) else []


def _bins(numbers: NDArray[Any], wanted: Sequence[float]) -> NDArray[np.int64]:
    """Which of up to ten bins of the same size each number falls into, a sample of each for each part."""
    fewest = len(numbers) * min(wanted, default=1.0)
    bins = max(1, min(_BINS, int(fewest), len(numbers) // (len(wanted) + 1)))
    found = np.empty(len(numbers), dtype=np.int64)
    found[np.argsort(numbers, kind="stable")] = np.arange(len(numbers)) * bins // len(numbers)
    return found


def few_shot(labels: NDArray[Any], per_class: int, seed: int, classes: Sequence[str]) -> NDArray[np.int64]:
    """Draw `per_class` samples of every class; a larger draw holds every smaller one.

    Where a sample has any number of classes, the draw is the union over the classes of the
    first `per_class` positives of each in one random order of all samples: every class has at
    least so many, and a sample that serves several classes is drawn once.

    Args:
        labels: One class, shape (N,), in [0, K); or classes, shape (N, K) of 0 and 1, uint8.
        per_class: Samples per class, >= 1.
        seed: Whole number >= 0.
        classes: The K class names.

    Returns:
        Sorted indices; K * per_class of them for one class, at most that for classes.

    Raises:
        ConfigError: `per_class` is below 1, or the labels are numbers.
        DataError: A class has fewer samples.
    """
    if per_class < 1:
        raise bad_value("per_class", per_class, "a whole number >= 1, or null for all samples")
    if labels.dtype.kind == "f":
        raise ConfigError(
            f"per_class={per_class} draws from classes, and the targets of this task are numbers",
            fix="data.per_class=null",
        )
    one = labels.ndim == 1
    sizes = np.bincount(labels, minlength=len(classes)) if one else labels.sum(axis=0, dtype=np.int64)
    small = [f"{name} ({n})" for name, n in zip(classes, sizes, strict=True) if n < per_class]
    if small:
        raise DataError(
            f"per_class={per_class} is more than the training split has of {', '.join(small[:10])}",
            fix=f"data.per_class={sizes.min()} or less" if sizes.min() else "data for every class",
        )
    if one:
        drawn = [
            members[random_order(len(members), _FEW_SHOT, seed, label)[:per_class]]
            for label, members in enumerate(_members(labels, sizes))
        ]
        return np.sort(np.concatenate(drawn))
    order = random_order(len(labels), _FEW_SHOT, seed)
    drawn = [order[_first(labels[:, label], order, per_class)] for label in range(len(classes))]
    return np.unique(np.concatenate(drawn))


def _first(positive: NDArray[Any], order: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Where in `order` the first `count` positives stand."""
    return np.flatnonzero(positive[order])[:count]


def portion(labels: NDArray[Any], fraction: float, seed: int, classes: Sequence[str]) -> NDArray[np.int64]:
    """Draw a share of the samples, the same share of every class; a larger draw holds every smaller one.

    Args:
        labels: One class, shape (N,), in [0, K), of each of which `round(n * fraction)` of n samples are
            drawn, at least one; of any other labels, shape (N, ...), that share of all samples.
        fraction: In (0, 1].
        seed: Whole number >= 0.
        classes: The K class names.

    Returns:
        Sorted indices.
    """
    if labels.ndim > 1:
        members = [np.arange(len(labels))]
    else:
        members = _members(labels, np.bincount(labels, minlength=len(classes)))
    drawn = [
        each[random_order(len(each), _PORTION, seed, label)[: max(1, round(len(each) * fraction))]]
        for label, each in enumerate(members)
    ]
    return np.sort(np.concatenate(drawn))


def in_proportion(labels: NDArray[Any], count: int, seed: int) -> NDArray[np.int64]:
    """Draw samples so that classes keep their shares, and each has one as long as there is room.

    A larger draw holds every smaller one.

    Args:
        labels: One class, shape (N,), in [0, K); of any others, shape (N, ...), as they come.
        count: Samples, >= 0.
        seed: Whole number >= 0; the same seed gives the same draw.

    Returns:
        Sorted indices, the smaller of N and `count` of them.
    """
    order = random_order(len(labels), _PORTION, seed)
    if labels.ndim > 1:
        return np.sort(order[:count])
    by_class = order[np.argsort(labels[order], kind="stable")]
    sizes = np.bincount(labels)
    starts = np.cumsum(sizes) - sizes
    of = labels[by_class]
    shares = (np.arange(len(labels)) - starts[of]) / sizes[of]
    places = np.empty(len(labels), dtype=np.int64)
    places[order] = np.arange(len(labels))
    return np.sort(by_class[np.lexsort((places[by_class], shares))[:count]])


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
