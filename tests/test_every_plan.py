"""For any plan and any moment of a stop, what trains and how fast is as if there had been none."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.pytorch import Callback, LightningModule, Trainer

from tests.faults.jobs import MadeUp, small_job
from tests.quiet import fit_quietly
from tlx.modules.network import Network
from tlx.plan import HEAD, Phase, Plan
from tlx.trainer import TrainerSettings

STAGES = ("stem", "block0", "block1")
PARTS = (*STAGES, *(f"{stage}:norm" for stage in STAGES), HEAD)
SMALL = MadeUp(train=24, val=9, test=6)  # 3 batches of 8
Table = dict[int, tuple[frozenset[str], tuple[tuple[str, float], ...]]]


@st.composite
def phases(draw: st.DrawFn) -> Phase:
    rates = draw(st.dictionaries(st.sampled_from(PARTS), st.sampled_from([1e-3, 1e-2, 3e-2]), min_size=1))
    return Phase(
        name="drawn",
        trains={part: rate for part, rate in rates.items() if f"{part}:norm" not in rates},
        epochs=draw(st.integers(1, 2)),
        patience=draw(st.sampled_from([None, 1])),
        schedule=draw(st.sampled_from(["constant", "cosine", "one_cycle"])),
        warmup=draw(st.sampled_from([0.0, 0.4])),
        reinitialise=tuple(draw(st.sets(st.sampled_from(STAGES), max_size=1))),
    )


PLANS = st.lists(phases(), min_size=1, max_size=3).map(lambda drawn: Plan(STAGES, tuple(drawn)))


class StoppedError(Exception):
    """Somebody pulled the plug."""


class Watch(Callback):
    def __init__(self, table: Table, stop: int | None) -> None:
        self.table, self.stop = table, stop

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int
    ) -> None:
        trains = frozenset(name for name, p in pl_module.named_parameters() if p.requires_grad)
        rates = tuple((group["name"], group["lr"]) for group in trainer.optimizers[0].param_groups)
        self.table[trainer.global_step] = (trains, rates)
        if trainer.global_step == self.stop:
            raise StoppedError


@contextmanager
def watched(table: Table, stop: int | None = None) -> Iterator[None]:
    original = TrainerSettings.make

    def make(self: TrainerSettings, most: int, callbacks: list[Any], folder: Path) -> Any:
        return original(self, most, [*callbacks, Watch(table, stop)], folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainerSettings, "make", make)
        yield


def fitted(plan: Plan, folder: Path, stop: int | None = None) -> Table:
    table: Table = {}
    with watched(table, stop):
        job = small_job(strategy=lambda stages: plan, source=SMALL, checkpoint_steps=1)
        if stop is None:
            fit_quietly(job, folder)
        else:
            with pytest.raises(StoppedError):
                fit_quietly(job, folder)
    return table


@settings(deadline=None, max_examples=6)
@given(plan=PLANS, draw=st.data())
def test_what_trains_and_every_rate_are_the_same_at_every_step(plan: Plan, draw: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        whole = fitted(plan, Path(scratch, "whole"))
        stop = draw.draw(st.sampled_from(sorted(whole)))
        before = fitted(plan, Path(scratch, "stopped"), stop)
        after = fitted(plan, Path(scratch, "stopped"))
    assert sorted({*before, *after}) == sorted(whole)
    for table in (before, after):
        assert {step: whole[step] for step in table} == table


def test_a_resume_that_forgets_what_was_unfrozen_trains_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: a backbone that stays frozen for ever after a resume, at a rate that moves."""
    plan = Plan(STAGES, (Phase("head", {HEAD: 1e-2}, 1), Phase("+", {HEAD: 1e-2, "block1": 1e-2}, 2)))
    whole = fitted(plan, tmp_path / "whole")
    fitted(plan, tmp_path / "stopped", stop=5)
    freeze = Network.freeze_except
    monkeypatch.setattr(
        Network, "freeze_except", lambda self, parts, norms="train": freeze(self, {HEAD}, norms)
    )
    after = fitted(plan, tmp_path / "stopped")
    assert all(after[step][0] < whole[step][0] for step in after)
    assert all(after[step][1] == whole[step][1] for step in after)
