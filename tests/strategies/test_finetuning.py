import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.faults.jobs import BY_EPOCHS, small_job
from tests.faults.outcome import epochs
from tests.quiet import fit_quietly
from tlx.assembly import build_network
from tlx.errors import TlxError
from tlx.plan import HEAD, Phase, Plan
from tlx.strategies.feature_extraction import feature_extraction
from tlx.strategies.finetuning import Finetuning


class Weights:
    """Stands where the network's files are: what was saved, loaded and drawn anew."""

    def __init__(self) -> None:
        self.saved: list[str] = []
        self.loaded: list[tuple[str, str]] = []
        self.drawn: list[tuple[str, ...]] = []

    def save(self, name: str) -> str:
        self.saved.append(name)
        return f"hash of {name}"

    def load(self, name: str, digest: str) -> None:
        self.loaded.append((name, digest))

    def draw(self, stages: tuple[str, ...]) -> None:
        self.drawn.append(stages)


PLAN = Plan(
    ("a", "b"),
    (Phase("head", {HEAD: 1.0}, 9, patience=2), Phase("b", {"b": 0.5, HEAD: 1.0}, 2, reinitialise=("b",))),
)


def play(
    values: list[float], higher: bool = True, monitor: str = "val/x", plan: Plan = PLAN
) -> tuple[Finetuning, Weights, list[int]]:
    """Feed validation values epoch by epoch, as trainers of one phase each would."""
    weights = Weights()
    callback = Finetuning(plan, monitor, higher, weights.save, weights.load, weights.draw)
    boundaries = []
    for epoch, value in enumerate(values):
        optimizer = SimpleNamespace(state={"moments": 1})
        trainer: Any = SimpleNamespace(
            callback_metrics={"val/x": torch.tensor(value)},
            current_epoch=epoch,
            global_step=10 * (epoch + 1),
            optimizers=[optimizer],
            strategy=SimpleNamespace(barrier=lambda name: None),
            should_stop=False,
        )
        callback.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
        if trainer.should_stop:
            boundaries.append(epoch + 1)
    return callback, weights, boundaries


def test_a_plateau_ends_the_phase_and_brings_its_best_weights_back() -> None:
    callback, weights, boundaries = play([0.5, 0.7, 0.6, 0.7])
    assert boundaries == [4]
    assert weights.loaded == [("best-00002.safetensors", "hash of best-00002.safetensors")]
    (end,) = callback.ends
    assert (end.epoch, end.step, end.best_epoch, end.plateau) == (4, 40, 2, True)
    assert end.best == pytest.approx(0.7)
    assert callback.history == []


def test_a_phase_that_reaches_its_length_keeps_its_last_weights() -> None:
    callback, weights, boundaries = play([0.5, 0.4, 0.4, 0.6, 0.5])
    assert boundaries == [3, 5]
    assert len(weights.loaded) == 1
    assert [end.plateau for end in callback.ends] == [True, False]
    assert callback.best["phase"]["epoch"] == 4
    assert callback.best["run"]["epoch"] == 4


def test_the_best_of_the_run_outlives_worse_phases() -> None:
    callback, _, _ = play([0.9, 0.4, 0.4, 0.6, 0.5])
    assert (callback.best["run"]["epoch"], callback.best["phase"]["epoch"]) == (1, 4)
    assert set(callback.files_in_use()) == {"best-00001.safetensors", "best-00004.safetensors"}


def test_stages_of_the_next_phase_are_drawn_anew_at_the_boundary() -> None:
    assert play([0.5, 0.4, 0.4])[1].drawn == [("b",)]


def test_a_value_that_is_not_a_number_never_counts_as_better() -> None:
    callback, weights, _ = play([float("nan"), 0.2, float("nan")])
    assert callback.best["run"]["epoch"] == 2
    assert weights.saved == ["best-00001.safetensors", "best-00002.safetensors"]


def test_lower_can_be_better() -> None:
    assert play([0.5, 0.3, 0.4], higher=False)[0].best["run"]["epoch"] == 2


def test_where_the_epoch_is_monitored_the_last_one_counts() -> None:
    plan = Plan(("a",), (Phase("head", {HEAD: 1.0}, 2), Phase("a", {"a": 0.5, HEAD: 1.0}, 2)))
    callback, weights, boundaries = play([0.9, 0.5, 0.7, 0.1], monitor="epoch", plan=plan)
    assert boundaries == [2, 4] and weights.loaded == []
    assert callback.best["run"]["epoch"] == callback.best["phase"]["epoch"] == 4
    assert [end.best_epoch for end in callback.ends] == [2, 4]


def test_state_comes_back_equal() -> None:
    callback, weights, _ = play([0.5, 0.7, 0.6, 0.7, 0.1])
    again = Finetuning(PLAN, "val/x", True, weights.save, weights.load, weights.draw)
    again.load_state_dict(callback.state_dict())
    assert again.state_dict() == callback.state_dict()
    assert again.ends == callback.ends


def test_a_monitor_nobody_logs_is_named() -> None:
    callback = Finetuning(PLAN, "val/y", True, *[lambda *_: ""] * 3)  # type: ignore[list-item, arg-type]
    with pytest.raises(TlxError, match="val/y"):
        callback._monitored(SimpleNamespace(callback_metrics={"val/x": 1}))  # type: ignore[arg-type]


def test_rates_in_the_record_are_those_of_the_plan(tmp_path: Path) -> None:
    job = small_job(strategy=BY_EPOCHS)
    fit_quietly(job, tmp_path)
    plan = job.strategy(tuple(job.backbone.stages))
    rows = epochs(tmp_path)
    assert [row["phase"] for row in rows] == ["0", "1", "1", "2", "2"]
    for row in rows:
        trains = plan.phases[int(row["phase"])].trains
        for part in (*plan.stages, HEAD):
            assert (float(row[f"rate/{part}"]) > 0) == (part in trains)


def test_what_a_phase_freezes_does_not_move_and_what_it_trains_does(tmp_path: Path) -> None:
    """In a real run of the head phase: the backbone, its statistics included, stays to the bit."""
    only_head = functools.partial(feature_extraction, epochs=2, head_rate=0.1)
    start, job = small_job(strategy=only_head), small_job(strategy=only_head)
    before = build_network(start).state_dict()
    fit_quietly(job, tmp_path)
    after = job.backbone.state_dict()
    assert [
        name for name, tensor in after.items() if not torch.equal(tensor, before[f"backbone.{name}"])
    ] == []
    head = load_file(tmp_path / "bundle" / "model.safetensors")["head.linear.weight"]
    assert not torch.equal(head, before["head.linear.weight"])
