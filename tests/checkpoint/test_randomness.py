import random
import traceback
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tlx.checkpoint.randomness import StepRandomness, seed_of


def draws(seed: int, position: int, rank: int) -> tuple[Any, ...]:
    loop = SimpleNamespace(
        epoch_loop=SimpleNamespace(batch_progress=SimpleNamespace(total=SimpleNamespace(processed=position)))
    )
    trainer: Any = SimpleNamespace(fit_loop=loop, global_rank=rank)
    module: Any = SimpleNamespace(device=torch.device("cpu"))
    StepRandomness(seed).on_train_batch_start(trainer, module, None, 0)
    return torch.rand(2).tolist(), np.random.rand(), random.random()


def test_a_step_draws_the_same_whatever_came_before() -> None:
    first = draws(1, 7, 0)
    torch.rand(100)
    assert draws(1, 7, 0) == first


def test_steps_seeds_and_ranks_draw_differently() -> None:
    torch_draws = {tuple(draws(*where)[0]) for where in ((1, 7, 0), (1, 8, 0), (2, 7, 0), (1, 7, 1))}
    assert len(torch_draws) == 4


def test_a_step_on_the_processor_is_seeded_as_torch_does_without_its_stack_traces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(seed_of(1, 7, 0))
    expected = torch.rand(2).tolist()

    def refuse(*_: object) -> None:
        raise AssertionError("a stack trace for a device that is not used")

    monkeypatch.setattr(traceback, "format_stack", refuse)
    assert draws(1, 7, 0)[0] == expected


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=4))
def test_a_seed_fits_torch(position: list[int]) -> None:
    assert 0 <= seed_of(*position) < 2**64
    torch.Generator().manual_seed(seed_of(*position))
