import functools
import json
import math
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from tests.faults.jobs import BY_EPOCHS, small_job
from tests.faults.outcome import epochs
from tests.faults.processes import run_process
from tests.quiet import fit_quietly
from tlx.regularizers.l2sp import L2SP
from tlx.regularizers.replay import Replay
from tlx.report.recorder import Recorder

TWO = (functools.partial(L2SP, strength=0.3), functools.partial(Replay, samples=12))


def test_train_figures_are_means_over_all_samples_of_the_epoch(tmp_path: Path) -> None:
    """52 samples in batches of 8: the last batch of 4 must count half."""
    seen: dict[str, float] = {"loss": 0.0, "right": 0.0, "samples": 0.0}
    original = Recorder.on_train_batch_end

    def spy(self, trainer, module, outputs, batch, batch_idx):  # type: ignore[no-untyped-def]
        if trainer.current_epoch == 0:
            seen["loss"] += float(outputs["task_loss"]) * len(batch.targets)
            seen["right"] += float(outputs["worth"])
            seen["samples"] += len(batch.targets)
        original(self, trainer, module, outputs, batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "on_train_batch_end", spy)
        fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path)
    first = epochs(tmp_path)[0]
    assert seen["samples"] == 52
    assert float(first["train/loss"]) == pytest.approx(seen["loss"] / 52)
    assert float(first["train/accuracy"]) == pytest.approx(seen["right"] / 52)


def test_a_record_longer_than_the_checkpoint_knew_is_cut_back(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    recorder = Recorder(path, lambda: 0, ("head",))
    recorder._cut_back()
    recorder.row = {"epoch": 1}
    recorder._append()
    kept = path.read_bytes()
    state = recorder.state_dict()
    recorder.row = {"epoch": 2}
    recorder._append()
    again = Recorder(path, lambda: 0, ("head",))
    again.load_state_dict(state)
    again._cut_back()
    assert path.read_bytes() == kept


@pytest.mark.parametrize("damage", [None, b"", b"epoch,st", b"\0" * 500, b"\xff" * 10])
def test_a_record_that_is_gone_or_damaged_is_written_again_from_the_checkpoint(
    tmp_path: Path, damage: bytes | None
) -> None:
    path = tmp_path / "metrics.csv"
    recorder = Recorder(path, lambda: 0, ("head",))
    recorder._cut_back()
    recorder.row = {"epoch": 1}
    recorder._append()
    kept, state = path.read_bytes(), recorder.state_dict()
    path.unlink() if damage is None else path.write_bytes(damage)
    again = Recorder(path, lambda: 0, ("head",))
    again.load_state_dict(state)
    again._cut_back()
    assert path.read_bytes() == kept


@pytest.mark.parametrize("left", [None, b"", b"epoch,st", b"epoch\n1\n2"])
def test_a_checkpoint_of_before_that_holds_no_rows_goes_on_and_says_so(
    tmp_path: Path, left: bytes | None
) -> None:
    path, said = tmp_path / "metrics.csv", list[str]()
    if left is not None:
        path.write_bytes(left)
    again = Recorder(path, lambda: 0, ("head",), say=said.append)
    again.load_state_dict({"length": 100, "seconds": 1.0, "sums": [[0.0, 0.0, 0.0]]})
    again._cut_back()
    assert "epochs before this one are missing" in said[0]
    again.row = {"epoch": 7}
    again._append()
    assert [row["epoch"] for row in epochs(tmp_path)][-1] == "7"
    assert path.read_text().startswith("epoch")


def test_a_run_without_a_checkpoint_starts_its_record_anew(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("left over\n")
    Recorder(path, lambda: 0, ("head",))._cut_back()
    assert path.read_text().startswith("epoch,step,phase,train/loss")


@pytest.mark.parametrize(
    ("task", "columns"),
    [
        ("multiclass", "train/accuracy,val/accuracy,val/f1,val/loss,val/calibration_error"),
        (
            "multilabel",
            "train/accuracy,val/average_precision,val/f1,val/accuracy,val/exact_match,val/loss,val/calibration_error",
        ),
        ("regression", "train/mae,val/mae,val/rmse,val/r2,val/loss"),
    ],
)
def test_the_columns_are_the_figures_of_the_task(tmp_path: Path, task: str, columns: str) -> None:
    path = tmp_path / "metrics.csv"
    Recorder(path, lambda: 0, ("head",), task)._cut_back()
    assert path.read_text() == f"epoch,step,phase,train/loss,{columns},rate/head\n"


def write_down_terms(path: Path) -> None:
    """Have every rank of this run write down what each term of each step was, and of how many samples."""
    original = Recorder.on_train_batch_end

    def spy(
        self: Recorder, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, number: int
    ) -> None:
        terms = {name: float(value) for name, value in outputs["terms"].items()}
        with path.open("a") as file:
            file.write(json.dumps([trainer.current_epoch, len(batch.targets), terms]) + "\n")
        original(self, trainer, module, outputs, batch, number)

    Recorder.on_train_batch_end = spy  # type: ignore[method-assign]


@pytest.mark.parametrize("more", [{}, {"ranks": 2}, {"accumulate_grad_batches": 2}], ids=str)
def test_what_regularizers_add_is_a_mean_over_all_samples_of_the_epoch(
    more: dict[str, int], tmp_path: Path
) -> None:
    job = {"strategy": BY_EPOCHS, "regularizers": TWO, "knows": 20}
    prepare = functools.partial(write_down_terms, tmp_path / "steps")
    assert set(run_process(tmp_path / "run", prepare=prepare, **job, **more)) == {0}
    sums, samples = Counter[tuple[int, str]](), Counter[int]()
    for line in (tmp_path / "steps").read_text().splitlines():
        epoch, count, terms = json.loads(line)
        samples[epoch] += count
        for name, value in terms.items():
            sums[epoch, name] += value * count
    rows = epochs(tmp_path / "run")
    assert len(rows) == 5 and set(samples.values()) == {52}
    for number, row in enumerate(rows):
        for name in ("l2sp", "replay"):
            assert float(row[f"train/{name}"]) == pytest.approx(sums[number, name] / 52, rel=1e-12)
    assert [float(row["train/replay"]) > 0 for row in rows] == [False, True, True, True, True]


def test_what_is_gathered_at_each_step_stays_on_the_device(tmp_path: Path) -> None:
    """Tensors without contents: what asks for one raises."""
    recorder = Recorder(tmp_path / "metrics.csv", lambda: 0, ("head",), terms=("ewc", "kl"))
    recorder._sums = recorder._sums.to("meta")
    one = torch.ones((), device="meta")
    outputs = {"task_loss": one, "worth": one, "terms": {"ewc": one, "kl": one.bfloat16()}}
    batch: Any = SimpleNamespace(targets=torch.ones(8, device="meta"))
    recorder.on_train_batch_end(Trainer.__new__(Trainer), LightningModule(), outputs, batch, 0)
    with pytest.raises(RuntimeError, match="meta"):
        recorder._sums.tolist()


def state_of(terms: tuple[str, ...], sums: list[list[float]], path: Path) -> dict[str, Any]:
    """Of a run after an epoch, in the midst of the next."""
    recorder = Recorder(path, lambda: 0, ("head",), terms=terms)
    recorder._cut_back()
    recorder.row = {"epoch": 1, "train/loss": 0.1} | {f"train/{name}": 0.5 for name in terms}
    recorder._append()
    return recorder.state_dict() | {"sums": sums}


def shares(recorder: Recorder, ranks: int = 1) -> list[list[float]]:
    saved = recorder._saved_sums
    found = []
    for rank in range(ranks):
        recorder._saved_sums = saved
        world: Any = SimpleNamespace(world_size=ranks, global_rank=rank, is_global_zero=rank == 0)
        found.append(recorder._own_share(world).tolist())
    return found


def test_a_regularizer_that_is_new_or_gone_has_cells_of_its_own_in_a_run_that_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    state = state_of(("ewc", "kl"), [[4.0, 3.0, 2.0, 5.0, 6.0], [4.0, 3.0, 2.0, 7.0, 8.0]], path)
    again = Recorder(path, lambda: 0, ("head",), terms=("lwf", "kl"))
    again.load_state_dict(state)
    found = shares(again, 2)
    assert [share[:3] + share[4:] for share in found] == [[4.0, 3.0, 2.0, 6.0], [4.0, 3.0, 2.0, 8.0]]
    assert math.isnan(found[0][3])
    again._cut_back()
    again.row = {"epoch": 2, "train/lwf": math.nan, "train/kl": 0.25}
    again._append()
    before, after = epochs(tmp_path)
    assert (before["train/loss"], before["train/ewc"], before["train/lwf"]) == ("0.1", "0.5", "")
    assert (after["train/ewc"], after["train/lwf"], after["train/kl"]) == ("", "nan", "0.25")
    third = Recorder(path, lambda: 0, ("head",), terms=("lwf", "kl"))
    third.load_state_dict(again.state_dict())
    third._cut_back()
    assert epochs(tmp_path) == [before, after]


@pytest.mark.parametrize("samples", [0.0, 2.0])
def test_a_checkpoint_of_before_that_knows_of_no_terms_goes_on_with_them(
    samples: float, tmp_path: Path
) -> None:
    """Its open epoch has no mean of them, unless it has no sample yet."""
    path = tmp_path / "metrics.csv"
    state = state_of((), [[4.0, 3.0, samples]], path)
    del state["terms"]
    again = Recorder(path, lambda: 0, ("head",), terms=("ewc",))
    again.load_state_dict(state)
    assert [math.isnan(share[3]) for share in shares(again)] == [samples > 0]
    again._cut_back()
    assert epochs(tmp_path)[0]["train/ewc"] == ""


def test_a_run_without_regularizers_has_no_columns_of_theirs(tmp_path: Path) -> None:
    fit_quietly(small_job(strategy=BY_EPOCHS, limit_epochs=1), tmp_path)
    assert [name for name in epochs(tmp_path)[0] if name.startswith("train/")] == [
        "train/loss",
        "train/accuracy",
    ]
