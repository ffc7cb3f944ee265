import numpy as np
from numpy.typing import NDArray

from tlx.data.digits import Digits
from tlx.protocols.advice.target import target_of
from tlx.protocols.results.advise import ClassCount
from tlx.types import Splits


class Words:
    """A split of texts with their labels."""

    def __init__(self, texts: list[str], labels: list[int]) -> None:
        self.texts, self.labels = texts, np.array(labels)

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def sizes(self) -> NDArray[np.int64]:
        return np.array([len(text) for text in self.texts])

    def digest(self, index: int) -> bytes:
        return self.texts[index].encode()

    def short_digests(self, indices: NDArray[np.int64]) -> NDArray[np.uint64]:
        return np.array([int.from_bytes(self.digest(int(index))[:8], "big") for index in indices], np.uint64)

    def name(self, index: int) -> str:
        return str(index)


def splits(train: Words, val: Words) -> Splits:
    return Splits(train, val, None, ("cat", "dog"))  # type: ignore[arg-type]  # no sample of them is read


def test_classes_are_counted_in_every_split_and_copies_within_train() -> None:
    train = Words(["aa", "bb", "aa", "cc", "aa", "d"], [0, 0, 0, 1, 0, 1])
    val = Words(["ee"], [1])
    found = target_of(splits(train, val))
    assert (found.train, found.val, found.test) == (6, 1, None)
    assert found.counts == (ClassCount("cat", 4, 0, None), ClassCount("dog", 2, 1, None))
    assert (found.imbalance, found.duplicates) == (2.0, 2)


def test_a_class_without_training_samples_is_told_and_does_not_make_the_imbalance_endless() -> None:
    found = target_of(splits(Words(["a", "b"], [0, 0]), Words(["c"], [1])))
    assert (found.counts[1].train, found.imbalance) == (0, 1.0)


def test_real_data_is_counted_whole() -> None:
    splits = Digits().splits()
    found = target_of(splits)
    assert sum(row.train for row in found.counts) == found.train == len(splits.train)
    assert splits.test is not None
    assert sum(row.test or 0 for row in found.counts) == found.test == len(splits.test)
