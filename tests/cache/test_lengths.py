from dataclasses import dataclass

import numpy as np
import pytest
import torch

from tlx.cache.lengths import lengths_of
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
    labels = np.zeros(len(TEXTS), dtype=np.int64)

    def __len__(self):
        return len(TEXTS)

    def read(self, index):
        return TEXTS[index]


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
