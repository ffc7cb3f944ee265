from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from tests.functional.test_near_copies import rows
from tlx.errors import ConfigError
from tlx.inspection.leakage import leakage
from tlx.types import Splits


@dataclass
class Named:
    word: str
    count: int

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"{self.word}/{index}.png"


@dataclass
class Bytes(Named):
    """Samples that are one byte each, the first of them that of every other split's first."""

    @property
    def sizes(self) -> Any:
        return np.ones(self.count, np.int64)

    def digest(self, index: int) -> bytes:
        return b"same" if index == 0 else f"{self.word}{index}".encode()

    def short_digests(self, indices: Any) -> Any:
        return np.array([hash(self.digest(int(index))) & (2**63 - 1) for index in indices], np.uint64)


def splits(kind: type[Named] = Named, test: bool = False) -> Splits:
    parts = kind("train", 300), kind("val", 100), kind("test", 80) if test else None
    return Splits(*parts, ("a",))  # type: ignore[arg-type]  # of these splits names and lengths are read


def test_ordinary_splits_are_fine() -> None:
    found = leakage({"train": rows(300), "val": rows(100, 1), "test": rows(80, 2)}, splits(test=True))
    assert [finding.line() for finding in found] == [
        "  ok    val: none of 100 samples is nearly one of train",
        "  ok    test: none of 80 samples is nearly one of train",
    ]


def test_near_copies_are_named_the_nearest_first() -> None:
    val = rows(100, 1)
    for place, blur in enumerate((0.05, 0.01, 0.03, 0.04, 0.06, 0.02)):
        val[place] = rows(300)[40 + place] * (1 + blur * torch.linspace(-1, 1, 16))
    (found,) = leakage({"train": rows(300), "val": val}, splits())
    assert found.level == "warn"
    assert found.what.startswith(
        "6 of 100 samples of val are nearly one of train, the nearest first: train/41.png = val/1.png"
    )
    assert found.what.endswith("; and 1 more")


def test_samples_of_the_same_bytes_are_named_apart() -> None:
    val = rows(100, 1)
    val[0] = rows(300)[0]
    exact, near = leakage({"train": rows(300), "val": val}, splits(Bytes))
    assert exact.what == "1 of val have the very bytes of one of train: train/0.png = val/0.png"
    assert near.level == "ok"


def test_few_training_samples_tell_nothing() -> None:
    few = Splits(Named("train", 20), Named("val", 5), None, ("a",))  # type: ignore[arg-type]  # as above
    (found,) = leakage({"train": rows(20), "val": rows(5, 1)}, few)
    assert found.what == "20 samples of train are too few to tell near copies by"


def test_features_of_other_samples_are_refused() -> None:
    with pytest.raises(ConfigError, match="features of val"):
        leakage({"train": rows(300), "val": rows(99)}, splits())
    with pytest.raises(ConfigError, match="features of test"):
        leakage({"train": rows(300), "test": rows(80)}, splits())
