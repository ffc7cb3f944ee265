import functools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.faults.jobs import BY_EPOCHS, small_job
from tests.faults.processes import run_process
from tests.quiet import fit_quietly
from tlx.checkpoint.durable import newest
from tlx.checkpoint.finite import ON_THE_WAY, FiniteLoss, check_weights
from tlx.errors import NumericalError
from tlx.modules.supervised import Supervised
from tlx.types import Batch


def spoil(at: int, ids: list[int] | None = None, note: Path | None = None, rank: int = 0) -> None:
    """Add what is no number to the loss of one batch, counted from 1, on one rank."""
    import os

    seen, original = {"times": 0}, Supervised.training_step

    def step(self: Supervised, batch: Batch, batch_idx: int) -> Any:
        outputs = original(self, batch, batch_idx)
        seen["times"] += 1
        if seen["times"] == at and int(os.environ.get("RANK", "0")) == rank:
            outputs["loss"] = outputs["loss"] + float("nan")
            if ids is not None:
                ids.extend(batch.ids.tolist())
            if note is not None:
                note.write_text(json.dumps(batch.ids.tolist()))
        return outputs

    Supervised.training_step = step  # type: ignore[method-assign]


def test_the_error_names_the_step_the_rates_and_every_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Supervised, "training_step", Supervised.training_step)
    ids: list[int] = []
    spoil(9, ids)
    with pytest.raises(NumericalError) as caught:
        fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path)
    said = ", ".join(map(str, ids))
    assert "the training loss is nan at step 9, in epoch 2, at rates block" in str(caught.value)
    assert f"on the training samples {said} (the first is made up {ids[0]})" in str(caught.value)
    path = newest(tmp_path / "checkpoints")
    assert path is not None
    assert int(path.stem) == 2 * 8


def test_a_loss_of_one_rank_ends_all_before_the_next_checkpoint(tmp_path: Path) -> None:
    broken = functools.partial(spoil, 5, note=tmp_path / "ids", rank=1)
    ended = run_process(tmp_path, prepare=broken, ranks=2, strategy=BY_EPOCHS, checkpoint_steps=1)
    assert ended == [1, 1]
    path = newest(tmp_path / "checkpoints")
    assert path is not None
    assert int(path.stem) == 2 * 4


class Event:
    def __init__(self) -> None:
        self.here = False

    def query(self) -> bool:
        return self.here

    def synchronize(self) -> None:
        self.here = True


class FromAGpu(FiniteLoss):
    """Losses that arrive when they are told to."""

    def __init__(self) -> None:
        super().__init__(lambda index: f"sample {index}")
        self.events: list[Event] = []

    def _on_its_way(self, loss: torch.Tensor) -> tuple[torch.Tensor, Any]:
        self.events.append(Event())
        return loss, self.events[-1]


class Stub:
    """What the callback asks a trainer for."""

    accumulate_grad_batches, current_epoch, global_step = 1, 0, 0
    lightning_module = nn.Linear(1, 1)

    def __init__(self) -> None:
        weight = {"params": [nn.Parameter(torch.zeros(1))], "lr": 0.1, "name": "head/decay"}
        self.optimizers = [torch.optim.SGD([weight])]


def step(watch: FiniteLoss, trainer: Any, loss: float) -> None:
    trainer.global_step += 1
    batch = Batch(torch.zeros(1), torch.zeros(1), torch.tensor([trainer.global_step, -1]))
    watch.on_train_batch_end(trainer, nn.Linear(1, 1), {"loss": torch.tensor(loss)}, batch, 0)  # type: ignore[arg-type]


def test_a_loss_that_is_on_its_way_is_looked_at_when_it_is_here_and_before_anything_is_saved() -> None:
    watch, trainer = FromAGpu(), Stub()
    for loss in (1.0, float("nan"), float("inf")):
        step(watch, trainer, loss)
    watch.events[0].here = True
    step(watch, trainer, 1.0)
    with pytest.raises(NumericalError, match="nan at step 2, in epoch 1, at rates head 0.1, .* samples 2 "):
        watch.check(trainer)  # type: ignore[arg-type]


def test_no_more_losses_are_on_their_way_than_there_is_room_for() -> None:
    watch, trainer = FromAGpu(), Stub()
    step(watch, trainer, float("inf"))
    for _ in range(ON_THE_WAY - 2):
        step(watch, trainer, 1.0)
    assert not any(event.here for event in watch.events)
    with pytest.raises(NumericalError, match="inf at step 1"):
        step(watch, trainer, 1.0)


@pytest.mark.gpu
def test_losses_of_a_gpu_arrive_in_order() -> None:
    watch, trainer = FiniteLoss(lambda index: f"sample {index}"), Stub()
    for number in range(3 * ON_THE_WAY):
        step_on_gpu(watch, trainer, 1.0 + number)
    with pytest.raises(NumericalError, match=f"nan at step {3 * ON_THE_WAY + 1}"):  # noqa: PT012
        step_on_gpu(watch, trainer, float("nan"))
        watch.check(trainer)  # type: ignore[arg-type]


def step_on_gpu(watch: FiniteLoss, trainer: Any, loss: float) -> None:
    trainer.global_step += 1
    batch = Batch(torch.zeros(1), torch.zeros(1), torch.tensor([trainer.global_step]))
    outputs = {"loss": torch.tensor(loss, device="cuda")}
    watch.on_train_batch_end(trainer, nn.Linear(1, 1), outputs, batch, 0)  # type: ignore[arg-type]


def test_weights_and_running_statistics_are_looked_at_and_masks_are_not() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    net.register_buffer("mask", torch.full((2,), -torch.inf))
    check_weights(net, "step 1")
    net[1].running_var[1] = torch.inf
    with pytest.raises(NumericalError, match=r"the weight 1\.running_var is not finite at step 3"):
        check_weights(net, "step 3")
    check_weights(nn.ReLU(), "never")
