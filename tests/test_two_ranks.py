"""Two ranks train as one: identical after every phase, resumed to the bit, counted once."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tests.faults.jobs import BY_EPOCHS, MadeUp, small_job
from tests.faults.outcome import differences, epochs, outcome
from tests.faults.processes import run_process
from tests.faults.ranks import (
    differing,
    of_single_samples,
    phases_written,
    thaw_inside_a_running_fit,
    write_down,
)
from tlx.assembly import build_network
from tlx.calibration import HeldOut
from tlx.checkpoint.weights import load_weights
from tlx.evaluation import evaluate
from tlx.strategies.feature_extraction import feature_extraction
from tlx.strategies.full import full

TWO: dict[str, Any] = {"ranks": 2, "strategy": BY_EPOCHS}


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    assert run_process(folder / "run", prepare=functools.partial(write_down, folder / "ranks"), **TWO) == [
        0,
        0,
    ]
    return folder


def test_ranks_are_identical_after_every_phase_of_a_late_unfreezing(two_ranks: Path) -> None:
    assert phases_written(two_ranks / "ranks") == [1, 2, 3]
    for phase in (1, 2, 3):
        assert differing(two_ranks / "ranks", phase) == []


def test_unfreezing_inside_a_running_fit_drives_ranks_apart(tmp_path: Path) -> None:
    """The negative control: without the planned kill the test above would fail."""
    one_phase = functools.partial(feature_extraction, epochs=3)
    broken = functools.partial(thaw_inside_a_running_fit, tmp_path / "ranks")
    run_process(tmp_path / "run", prepare=broken, ranks=2, strategy=one_phase)
    assert phases_written(tmp_path / "ranks") == [1]
    apart = differing(tmp_path / "ranks", 1)
    assert any("backbone" in name for name in apart)


MOMENTS = [
    pytest.param(("on_train_batch_start", 0), marks=pytest.mark.slow),
    ("on_train_batch_end", 6),
    ("on_train_end", 1),
]


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_both_ranks_killed_and_resumed_end_in_the_same_bits(
    two_ranks: Path, tmp_path: Path, moment: tuple[str, int]
) -> None:
    assert run_process(tmp_path, kill=moment, **TWO) == [-9, -9]
    assert run_process(tmp_path, **TWO) == [0, 0]
    assert differences(outcome(tmp_path), outcome(two_ranks / "run")) == []


@pytest.mark.parametrize("batch_norm", [False, True])
def test_two_ranks_train_as_one_process_but_for_batch_statistics(tmp_path: Path, batch_norm: bool) -> None:
    """Nothing is drawn while training and all batches divide: batch normalisation alone is left."""
    prepare = functools.partial(of_single_samples, batch_norm)
    more = {"strategy": functools.partial(full, epochs=2), "source": MadeUp(train=48)}
    found = []
    for ranks in (1, 2):
        folder = tmp_path / str(ranks)
        assert set(run_process(folder, prepare=prepare, ranks=ranks, **more)) == {0}
        found.append(load_file(folder / "bundle" / "model.safetensors"))
    apart = max(float((found[0][name] - found[1][name]).abs().max()) for name in found[0])
    assert (apart > 1e-3) if batch_norm else (apart < 1e-6)


def test_ranks_with_all_that_a_step_adds_resume_exactly(tmp_path: Path) -> None:
    settings = TWO | {"ema": 0.9, "mixup": 0.4, "accumulate_grad_batches": 2, "workers": 1}
    assert run_process(tmp_path / "whole", **settings) == [0, 0]
    assert run_process(tmp_path / "killed", kill=("on_train_batch_end", 12), **settings) == [-9, -9]
    assert run_process(tmp_path / "killed", **settings) == [0, 0]
    assert differences(outcome(tmp_path / "killed"), outcome(tmp_path / "whole")) == []


def without_dropout() -> None:
    """Each rank draws its own."""
    nn.Dropout.forward = lambda self, input: input  # type: ignore[method-assign]


def test_two_ranks_then_one_then_two_train_the_same_samples_to_the_same_weights(tmp_path: Path) -> None:
    """Of 48 samples every batch divides by the ranks. Sums are rounded in another order."""
    job: dict[str, Any] = {
        "strategy": BY_EPOCHS,
        "source": MadeUp(train=48),
        "norms": "statistics",  # each rank would take those of its own share
        "prepare": without_dropout,
    }
    assert run_process(tmp_path / "alone", **job) == [0]
    changing = tmp_path / "changing"
    assert run_process(changing, kill=("on_train_batch_end", 8), ranks=2, **job) == [-9, -9]
    assert run_process(changing, kill=("on_train_batch_end", 8), **job) == [-9]
    assert run_process(changing, ranks=2, **job) == [0, 0]
    one, other = (load_file(f / "bundle/model.safetensors") for f in (tmp_path / "alone", changing))
    apart = max(float((tensor - other[name]).abs().max()) for name, tensor in one.items())
    assert 0 < apart < 1e-6
    steps = [[row["step"] for row in epochs(folder)] for folder in (tmp_path / "alone", changing)]
    assert steps[0] == steps[1]


def test_an_uneven_test_set_is_counted_once(two_ranks: Path) -> None:
    summary = json.loads((two_ranks / "run" / "summary.json").read_text())
    assert MadeUp().test % 2 == 1
    assert summary["test/samples"] == MadeUp().test
    assert summary["val/samples"] == MadeUp().val


def test_figures_of_two_ranks_are_those_of_one_process(two_ranks: Path) -> None:
    """21 samples in batches of 16 over 2 ranks: the last batch is filled up, the filler not counted."""
    job = small_job()
    assert MadeUp().test % job.data.eval_batch_size % 2 == 1
    network = build_network(job)
    load_weights(network, two_ranks / "run" / "bundle" / "model.safetensors")
    job.data.preprocessing = job.backbone.preprocessing
    loader = job.data.loader(job.data.splits.test)
    scores = job.task.scores(job.data.classes, job.data.splits.test.labels, network.output)
    alone = evaluate(network, loader, scores, torch.device("cpu"))
    together = json.loads((two_ranks / "run" / "evaluation.json").read_text())["splits"]["test"]
    assert alone["samples"] == together["samples"] == MadeUp().test
    assert alone["confusion"] == together["confusion"]
    assert alone["metrics"] == pytest.approx(together["metrics"], abs=1e-6)


def test_the_temperature_of_two_ranks_is_that_of_one_process(two_ranks: Path) -> None:
    job = small_job()
    network = build_network(job)
    load_weights(network, two_ranks / "run" / "bundle" / "model.safetensors")
    job.data.preprocessing = job.backbone.preprocessing
    val = job.data.splits.val
    scores = job.task.scores(job.data.classes, val.labels, network.output)
    held = HeldOut(len(val), len(job.data.classes), job.seed)
    evaluate(network, job.data.loader(val), scores, torch.device("cpu"), beside=held)
    alone = held.fit(torch.device("cpu"))
    together = json.loads((two_ranks / "run" / "evaluation.json").read_text())["splits"]["val"]["temperature"]
    assert together == alone._asdict() | {"value": pytest.approx(alone.value, rel=1e-6)}
    assert alone.ended == "minimum"
