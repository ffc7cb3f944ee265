from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tests.faults.jobs import MadeUp
from tlx.evaluation import evaluate, show_mistakes, to_device
from tlx.tasks.multiclass import Multiclass
from tlx.types import Batch

CPU = torch.device("cpu")


def batches(logits: torch.Tensor, targets: torch.Tensor, size: int = 16) -> list[Batch]:
    ids = torch.arange(len(targets))
    return [
        Batch(*parts) for parts in zip(logits.split(size), targets.split(size), ids.split(size), strict=True)
    ]


def scores(count: int = 4) -> Any:
    return Multiclass().scores(("a", "b", "c", "d")[:count], np.arange(count), nn.Identity())


@pytest.fixture
def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(4, (90,), generator=generator)
    logits = torch.randn(90, 4, generator=generator) + 1.5 * nn.functional.one_hot(targets, 4)
    return logits, targets


def test_a_pass_gathers_what_the_task_measures(drawn: tuple[torch.Tensor, torch.Tensor]) -> None:
    logits, targets = drawn
    found = evaluate(nn.Identity(), batches(logits, targets), scores(), CPU)
    whole = scores()
    whole.update(logits, targets, torch.arange(90))
    assert found["confusion"] == whole.result()["confusion"]
    assert found["metrics"] == pytest.approx(whole.result()["metrics"])
    assert found["samples"] == 90


def test_samples_that_only_fill_up_are_not_counted(drawn: tuple[torch.Tensor, torch.Tensor]) -> None:
    logits, targets = drawn
    whole = batches(logits, targets)
    filler = Batch(torch.zeros(3, 4), torch.zeros(3, dtype=torch.long), torch.full((3,), -1))
    found = evaluate(nn.Identity(), [*whole, filler], scores(), CPU)
    assert found == evaluate(nn.Identity(), whole, scores(), CPU)


def test_the_network_is_scored_in_evaluation_mode() -> None:
    dropout = nn.Dropout(0.9).train()
    evaluate(dropout, batches(torch.eye(2), torch.tensor([0, 1])), scores(2), CPU)
    assert not dropout.training


def test_mistakes_are_named_and_shown() -> None:
    split = MadeUp().splits().val
    mistakes = [{"id": 4, "target": "y", "predicted": "x", "probability": 0.9, "loss": 2.0}]
    (shown,) = show_mistakes(mistakes, split, "image")
    assert (shown["target"], shown["predicted"], shown["name"]) == ("y", "x", split.name(4))
    assert shown["image"].startswith("data:image/png;base64,")
    assert shown["text"] is None


def test_a_large_picture_becomes_a_thumbnail() -> None:
    class One:
        def read(self, index: int) -> Image.Image:
            return Image.fromarray(np.zeros((900, 1200), np.uint8))

        def name(self, index: int) -> str:
            return "large"

    row = {"id": 0, "target": 0, "predicted": 1, "probability": 0.5, "loss": 1.0}
    (shown,) = show_mistakes([row], One(), "image")  # type: ignore[arg-type]
    assert len(shown["image"]) < 5_000


def test_tokens_move_as_one() -> None:
    moved = to_device({"input_ids": torch.zeros(2, 3)}, CPU)
    assert isinstance(moved, dict)
    assert moved["input_ids"].shape == (2, 3)
