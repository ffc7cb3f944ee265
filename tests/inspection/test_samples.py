import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tlx.inspection.finding import Finding
from tlx.inspection.samples import counts, normalisation
from tlx.preprocessing.image import ImagePreprocessing
from tlx.types import Splits

GREY = ImagePreprocessing(crop=8, resize=8, mean=(0.5,), std=(0.25,), channels=1)
COLOUR = ImagePreprocessing(crop=8, resize=8, mean=(0.5,) * 3, std=(0.25,) * 3)


@dataclass
class Held:
    samples: list[Any]
    labels: Any = None

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, index: int) -> Any:
        return self.samples[index]


def pictures(low: int, high: int, shape: tuple[int, ...] = (8, 8, 3), count: int = 50) -> list[Image.Image]:
    draw = np.random.default_rng(0)
    return [Image.fromarray(draw.integers(low, high + 1, shape, dtype=np.uint8)) for _ in range(count)]


def arrays(low: float, high: float) -> list[Any]:
    draw = np.random.default_rng(0)
    return [draw.uniform(low, high, (8, 8, 3)).astype(np.float32) for _ in range(9)]


def warned(findings: list[Finding]) -> list[str]:
    return [finding.line() for finding in findings if finding.level == "warn"]


def test_pictures_as_the_weights_know_them_are_fine_and_measured() -> None:
    found = normalisation(Held(pictures(0, 255)), COLOUR)
    assert warned(found) == []
    assert found[0].what == "pictures hold values from 0 to 255"
    mean, spread = re.search(r"mean (.*), spread (.*) by channel", found[1].what).groups()  # type: ignore[union-attr]
    assert [float(value) for value in mean.split()] == pytest.approx([0] * 3, abs=0.1)
    assert [float(value) for value in spread.split()] == pytest.approx([4 / 12**0.5] * 3, abs=0.05)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (pictures(0, 1), "values from 0 to 1 of 255: all of it black"),
        (arrays(-2.1, 2.6), "they were normalised before.*Try: pictures as they were"),
        (arrays(0, 255), "floating point hold values up to 255, and are read as 0 to 1"),
    ],
)
def test_values_on_another_scale_are_named(samples: list[Any], said: str) -> None:
    found = "\n".join(warned(normalisation(Held(samples), COLOUR)))
    import re

    assert re.search(said, found), found
    assert (
        "the weights were trained at about 0 and 1. Try: a look at the pictures" in found or "before" in found
    )


@pytest.mark.parametrize("samples", [pictures(250, 255), pictures(0, 3)])
def test_pictures_that_are_nearly_flat_are_warned_of(samples: list[Any]) -> None:
    assert any(
        "are they very dark, bright or flat" in line for line in warned(normalisation(Held(samples), COLOUR))
    )


def test_grey_pictures_for_a_model_of_colour_are_warned_of() -> None:
    grey = pictures(0, 255, (8, 8))
    (line,) = warned(normalisation(Held(grey), COLOUR))
    assert (
        "all 32 pictures looked at are grey, and the model reads three colours. Try: model.channels=1" in line
    )
    assert warned(normalisation(Held(grey), GREY)) == []


class Words:
    """A preprocessing that numbers words; those above 9 are not in its vocabulary."""

    kind, max_length = "text", 8
    tokenizer = SimpleNamespace(unk_token_id=1)

    def prepare(self, sample: str) -> list[int]:
        return [1 if int(word) > 9 else int(word) for word in sample.split()][: self.max_length]

    def collate(self, prepared: list[list[int]]) -> dict[str, torch.Tensor]:
        rows = [torch.tensor(row) for row in prepared]
        filled = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        masks = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
        return {"input_ids": filled, "attention_mask": masks}


def test_texts_that_are_cut_off_and_words_that_nobody_knows_are_warned_of() -> None:
    assert warned(normalisation(Held(["2 3 4"] * 9), Words())) == []  # type: ignore[arg-type]
    (cut,) = warned(normalisation(Held(["2 3 4 5 6 7 8 9 2 3"] * 9), Words()))  # type: ignore[arg-type]
    assert "texts have 8 to 8 tokens; 100% fill all 8. Try: model.max_length=16" in cut
    (unknown,) = warned(normalisation(Held(["2 3 4 77"] * 9), Words()))  # type: ignore[arg-type]
    assert "25.0% of the tokens are not in the vocabulary" in unknown


def splits(train: list[int], val: list[int], test: list[int] | None = None) -> Splits:
    made = [
        Held(list(labels), np.array(labels)) if labels is not None else None for labels in (train, val, test)
    ]
    return Splits(*made, classes=("cat", "dog"))  # type: ignore[arg-type]


def test_classes_are_counted_in_every_split() -> None:
    said = [finding.what for finding in counts(splits([0, 0, 1], [0, 1]), "class")]
    assert said == ["train: 3 samples; cat 2, dog 1", "val: 2 samples; cat 1, dog 1", "no test split"]


def test_a_class_that_is_ten_times_another_is_warned_of() -> None:
    (line,) = warned(counts(splits([0] * 20 + [1] * 2, [0, 1]), "class"))
    assert (
        "the largest class has 10 times the smallest one's samples. Try: task.class_weights=balanced" in line
    )
    assert warned(counts(splits([0] * 19 + [1] * 2, [0, 1]), "class")) == []


def test_a_class_that_a_split_lacks_is_warned_of() -> None:
    (line,) = warned(counts(splits([0, 1], [0, 0], [0, 1]), "class"))
    assert "val has no sample of dog" in line


def test_several_classes_are_counted_by_their_positives_and_numbers_by_their_spread() -> None:
    labels = np.array([[1, 0], [1, 1]], np.uint8)
    many = Splits(Held([0, 0], labels), Held([0, 0], labels), None, ("cat", "dog"))  # type: ignore[arg-type]
    assert counts(many, "classes")[0].what == "train: 2 samples; cat 2, dog 1"
    values = np.array([[1.0], [3.0]], np.float32)
    numbers = Splits(Held([0, 0], values), Held([0, 0], values), None, ("age",))  # type: ignore[arg-type]
    assert counts(numbers, "numbers")[0].what == "train: 2 samples; age 1 to 3, mean 2, std 1"
