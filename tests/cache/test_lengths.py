from dataclasses import dataclass

import numpy as np
import pytest
import torch

from tlx.cache.layout import Column, Layout
from tlx.cache.lengths import SEEN, estimated, is_estimated, lengths_of
from tlx.data.datamodule import TransferData
from tlx.errors import ConfigError
from tlx.types import Splits

TEXTS = ["a b c", "a", "", "a b", "a b c d e"]


@dataclass
class Words:
    kind = "text"
    flip = False

    def splits(self):
        split = WordsSplit()
        return Splits(split, split, None, ("x", "y"))


class WordsSplit:
    def __init__(self, texts=TEXTS):
        self.texts, self.labels = texts, np.zeros(len(texts), dtype=np.int64)

    def __len__(self):
        return len(self.texts)

    def read(self, index):
        return self.texts[index]


class Numbers:
    kind = "text"

    def __init__(self, mask=True, front=False):
        self.mask, self.front = mask, front

    def prepare(self, text):
        return [len(word) for word in text.split()]

    def collate(self, prepared):
        longest = max(1, *map(len, prepared))
        rows = [
            [9] * (longest - len(row)) + row if self.front else row + [9] * (longest - len(row))
            for row in prepared
        ]
        ids = torch.tensor(rows)
        return {"input_ids": ids, "attention_mask": (ids != 9).long()} if self.mask else {"input_ids": ids}


def data(preprocessing, size=2):
    made = TransferData(Words(), batch_size=size)
    made.preprocessing = preprocessing
    return made


@pytest.mark.parametrize("size", [1, 2, 16])
def test_every_text_is_counted_whatever_the_batches_and_an_empty_one_has_one_token(size):
    assert lengths_of(data(Numbers(), size), WordsSplit()).tokens.tolist() == [3, 1, 1, 2, 5]


def test_what_fills_a_shorter_text_up_is_seen():
    assert lengths_of(data(Numbers()), WordsSplit()).padding == {
        "inputs/input_ids": 9,
        "inputs/attention_mask": 0,
    }


def test_without_a_mask_or_with_padding_in_front_lengths_are_not_known():
    with pytest.raises(ConfigError, match="without an attention mask"):
        lengths_of(data(Numbers(mask=False)), WordsSplit())
    with pytest.raises(ConfigError, match="padded in front"):
        lengths_of(data(Numbers(front=True)), WordsSplit())


SORTED = [" ".join("a" * (1 + row // 10)) for row in range(1000)]  # 1 to 100 tokens


@pytest.mark.parametrize(
    "texts",
    [SORTED, SORTED[::-1], [SORTED[row] for row in np.random.default_rng(1).permutation(1000)]],
    ids=["shortest first", "longest first", "mixed"],
)
def test_an_estimate_is_near_whatever_the_order_of_the_texts(texts):
    split = WordsSplit(texts)
    found, exact = (each(data(Numbers(), 16), split).tokens for each in (estimated, lengths_of))
    assert len(found) == 1000
    assert found.sum() == pytest.approx(exact.sum(), rel=0.1)
    assert np.array_equal(found, estimated(data(Numbers(), 16), split).tokens)


def test_an_estimate_is_not_led_astray_by_a_period():
    """Every 16th of 1024 texts is long, and so would be every text of a regular choice, or none.

    Of 64 texts 4 are long, give or take 1.9 (one standard deviation); three of them are 0.64 tokens.
    """
    split = WordsSplit(["a b c d e f g h" if row % 16 == 0 else "a" for row in range(1024)])
    assert estimated(data(Numbers()), split).tokens.mean() == pytest.approx(23 / 16, abs=0.64)


@pytest.mark.parametrize("count", [1, 5, SEEN, SEEN + 1])
def test_few_texts_are_all_counted(count):
    split = WordsSplit((TEXTS * count)[:count])
    found, exact = (each(data(Numbers()), split).tokens for each in (estimated, lengths_of))
    assert len(found) == count
    assert count > SEEN or found.tolist() == exact.tolist()


def test_an_estimate_of_texts_without_a_mask_is_refused():
    with pytest.raises(ConfigError, match="without an attention mask"):
        estimated(data(Numbers(mask=False)), WordsSplit())


@pytest.mark.parametrize(
    ("rows", "per_token", "said"), [(65, True, True), (64, True, False), (65, False, False)]
)
def test_bytes_are_an_estimate_where_not_all_texts_are_read(rows, per_token, said):
    offsets = np.arange(rows + 1) if per_token else None
    assert is_estimated(Layout((Column("a", "float32", (2,), per_token),), rows, offsets)) == said
