"""A run that goes on with other settings: longer, in other batches, with another optimizer's settings."""

import functools
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.faults.jobs import MadeUp, small_job
from tests.faults.outcome import differences, epochs, outcome
from tests.quiet import fit_quietly
from tests.test_every_strategy import Stopping
from tlx.assembly import plan_of
from tlx.checkpoint.durable import newest, read
from tlx.extension import extension
from tlx.plan import HEAD, Phase, Plan, Schedule
from tlx.plan_table import compiled_plan, saved_plan, with_compiled
from tlx.training import ledger_of

SMALL = MadeUp(train=40, val=12, test=9)  # 5 batches of 8


def job(epochs: int = 2, schedule: Schedule = "constant", batch_size: int = 8, **more: Any) -> Any:
    def one_phase(stages: tuple[str, ...]) -> Plan:
        return Plan(stages, (Phase("top", {HEAD: 1e-2, "block1": 1e-2}, epochs, schedule=schedule),))

    made = small_job(strategy=one_phase, source=SMALL, **more)
    made.data.batch_size = batch_size
    return made


def stop(folder: Path, at: int, stopping: Any) -> None:
    stopping.optimizer = functools.partial(Stopping, at=[at], weight_decay=0.01)
    with pytest.raises(MemoryError):
        fit_quietly(stopping, folder)


def extend(folder: Path, longer: Any) -> None:
    saved, before = saved_plan(folder), compiled_plan(folder)
    assert saved is not None
    assert before is not None
    found = extension(saved, before, plan_of(longer), *ledger_of(folder))
    assert found is not None
    (folder / "plan.json").write_text(json.dumps(with_compiled(found.plan, plan_of(longer))))


@pytest.fixture(scope="module")
def three_epochs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("three")
    fit_quietly(job(epochs=3), folder)
    return folder


def test_at_constant_rates_a_run_made_longer_is_one_that_was_so_from_the_beginning(
    three_epochs: Path, tmp_path: Path
) -> None:
    stop(tmp_path, 9, job(epochs=2))
    extend(tmp_path, job(epochs=3))
    fit_quietly(job(epochs=3), tmp_path)
    assert differences(outcome(tmp_path), outcome(three_epochs)) == []


def test_at_constant_rates_a_finished_run_made_longer_has_the_same_weights(
    three_epochs: Path, tmp_path: Path
) -> None:
    fit_quietly(job(epochs=2), tmp_path)
    best = json.loads((tmp_path / "summary.json").read_text())["val/accuracy"]
    extend(tmp_path, job(epochs=3))
    summary = fit_quietly(job(epochs=3), tmp_path)
    assert {"state", "optimizer"}.isdisjoint(differences(outcome(tmp_path), outcome(three_epochs)))
    assert (summary["train/epochs"], summary["val/accuracy"] >= best) == (3, True)
    phases = json.loads((tmp_path / "phases.json").read_text())
    assert [(phase["name"], phase["last_epoch"]) for phase in phases] == [("top", 2), ("top, extended", 3)]
    extend(tmp_path, job(epochs=4))
    assert fit_quietly(job(epochs=4), tmp_path)["train/epochs"] == 4


def test_the_rates_of_an_open_phase_are_those_of_its_new_length_from_the_next_step_on(tmp_path: Path) -> None:
    stop(tmp_path, 8, job(epochs=2, schedule="cosine"))
    extend(tmp_path, job(epochs=4, schedule="cosine"))
    fit_quietly(job(epochs=4, schedule="cosine"), tmp_path)
    rates = [float(row["rate/head"]) for row in epochs(tmp_path)]
    taken = [(4, 10), (9, 20), (14, 20), (19, 20)]  # the last step of each epoch, of so many then
    expected = [1e-2 * 0.5 * (1 + math.cos(math.pi * step / of)) for step, of in taken]
    assert rates == pytest.approx(expected, rel=1e-9)


def test_batches_of_another_size_go_on_from_whole_epochs_and_resume_exactly(tmp_path: Path) -> None:
    """Stopped in the second epoch, which begins anew in 10 batches of 4 after 2 to 4 of 8."""
    stop(tmp_path / "first", 9, job(schedule="cosine", checkpoint_steps=1))
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    fit_quietly(job(schedule="cosine", batch_size=4, checkpoint_steps=1), tmp_path / "first")
    rows = epochs(tmp_path / "first")
    begun = int(rows[1]["step"]) - 10
    assert [int(row["step"]) for row in rows] == [5, begun + 10]
    assert 5 < begun < 10
    alone = tmp_path / "alone"
    fit_quietly(job(schedule="cosine", batch_size=4), alone)
    assert rows[1]["rate/head"] == epochs(alone)[1]["rate/head"]
    stop(tmp_path / "second", 4, job(schedule="cosine", batch_size=4, checkpoint_steps=1))
    fit_quietly(job(schedule="cosine", batch_size=4, checkpoint_steps=1), tmp_path / "second")
    assert differences(outcome(tmp_path / "second"), outcome(tmp_path / "first")) == []


def test_batches_of_another_size_go_on_from_the_end_of_an_epoch(tmp_path: Path) -> None:
    stop(tmp_path, 8, job(checkpoint_steps=None))
    fit_quietly(job(batch_size=20), tmp_path)
    assert [int(row["step"]) for row in epochs(tmp_path)] == [5, 7]


def test_the_optimizer_goes_on_with_the_settings_that_are_asked_for_now(tmp_path: Path) -> None:
    stop(tmp_path, 8, job())
    other = job()
    other.optimizer = functools.partial(torch.optim.AdamW, weight_decay=0.5)
    fit_quietly(other, tmp_path)
    path = newest(tmp_path / "checkpoints")
    assert path is not None
    decays = {
        group["name"]: group["weight_decay"] for group in read(path)["optimizer_states"][0]["param_groups"]
    }
    assert {decays["head/decay"], decays["head/no_decay"]} == {0.5, 0.0}
