from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from tests.origin.known import origin_on
from tlx.forgetting import forgetting, note_before, source_accuracy
from tlx.origin.origin import measured
from tlx.trainer import World
from tlx.types import Inputs

CPU = torch.device("cpu")


def test_accuracy_is_the_share_whose_original_class_comes_first(tmp_path: Path) -> None:
    origin, _ = origin_on(tmp_path)
    assert origin.source is not None
    split = measured(origin.source)
    known = torch.from_numpy(origin.labels(split))
    asked: list[int] = []

    def two_of_three_right(inputs: Inputs) -> torch.Tensor:
        assert torch.is_tensor(inputs)
        start = len(asked)
        answers = torch.zeros(len(inputs), 3)
        for row in range(len(inputs)):
            place = start + row
            if place < len(known):
                answers[row, known[place] if place % 3 else (known[place] + 1) % 3] = 1.0
            asked.append(place)
        return answers

    found = source_accuracy(origin, two_of_three_right, World(), CPU, nullcontext())
    assert found == {"accuracy": pytest.approx(11 / 17), "samples": 17}


def test_what_is_lost_is_before_minus_after_on_the_same_samples(tmp_path: Path) -> None:
    origin, _ = origin_on(tmp_path / "known")

    def contrary(inputs: Inputs) -> torch.Tensor:
        return -origin.network(inputs)

    note_before(origin, World(), CPU, nullcontext())
    found = forgetting(origin, contrary, World(), CPU, nullcontext())
    before = source_accuracy(origin, origin.network, World(), CPU, nullcontext())["accuracy"]
    after = source_accuracy(origin, contrary, World(), CPU, nullcontext())["accuracy"]
    assert found["source/accuracy_before"] == before and found["source/accuracy_after"] == after
    assert found["source/forgetting"] == before - after != 0


def test_what_was_measured_before_is_measured_once(tmp_path: Path) -> None:
    origin, _ = origin_on(tmp_path)
    note_before(origin, World(), CPU, nullcontext())
    (tmp_path / "source_before.json").write_text('{"accuracy": 0.5, "samples": 17}')
    note_before(origin, World(), CPU, nullcontext())
    found = forgetting(origin, origin.network, World(), CPU, nullcontext())
    assert found["source/accuracy_before"] == 0.5
