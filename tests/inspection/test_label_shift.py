from dataclasses import dataclass
from typing import Any

import numpy as np

from tlx.inspection.label_shift import label_shifts
from tlx.types import Splits


@dataclass
class Labelled:
    labels: Any


def splits(
    train: Any, val: Any, test: Any = None, classes: tuple[str, ...] = ("cat", "dog", "cow")
) -> Splits:
    made = [None if labels is None else Labelled(np.asarray(labels)) for labels in (train, val, test)]
    return Splits(*made, classes)  # type: ignore[arg-type]  # labels are all that is read of a split


def labels(*counts: int) -> Any:
    return np.repeat(np.arange(len(counts)), counts)


def test_splits_of_the_same_shares_are_fine() -> None:
    (val,) = label_shifts(splits(labels(100, 60, 40), labels(25, 15, 10)), "class")
    assert val.level == "ok"
    said = "val: labels in the shares of train, as far as can be told (total variation 0.00, p = 1, "
    assert val.what.startswith(said)


def test_a_shift_is_told_of_the_split_that_has_it() -> None:
    val, test = label_shifts(splits(labels(100, 60, 40), labels(26, 14, 10), labels(10, 15, 50)), "class")
    assert (val.level, test.level) == ("ok", "warn")
    assert "test holds its labels in other shares than train: total variation 0.47" in test.what
    assert "data.test_fraction" in test.fix


def test_what_is_significant_and_tiny_is_not_told() -> None:
    tiny = splits(labels(500_000, 500_000), labels(52_000, 48_000), classes=("cat", "dog"))
    (val,) = label_shifts(tiny, "class")
    assert val.level == "ok"
    assert "0.02" in val.what


def test_few_samples_that_may_be_of_the_same_shares_are_not_told() -> None:
    (val,) = label_shifts(splits(labels(60, 30, 10), labels(1, 2, 2)), "class")
    assert val.level == "ok"
    assert "permutation" in val.what


def test_of_several_classes_the_one_is_named() -> None:
    draw = np.random.default_rng(0)
    train, val = draw.random((400, 3)) < 0.3, draw.random((200, 3)) < [0.3, 0.7, 0.3]
    (found,) = label_shifts(splits(train.astype(np.uint8), val.astype(np.uint8)), "classes")
    assert found.level == "warn"
    assert "than train: dog total variation 0." in found.what
    assert "cat" not in found.what


def test_numbers_are_compared_by_their_distribution() -> None:
    draw = np.random.default_rng(0)
    train, val = draw.normal(0, 1, (300, 2)), draw.normal([0, 1], 1, (100, 2))
    (found,) = label_shifts(splits(train, val, classes=("age", "size")), "numbers")
    assert found.level == "warn"
    assert "than train: size distance of cumulative shares" in found.what
    (same,) = label_shifts(splits(train, draw.normal(0, 1, (100, 2)), classes=("age", "size")), "numbers")
    assert same.level == "ok"
