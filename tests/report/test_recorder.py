from pathlib import Path

import pytest

from tests.faults.jobs import BY_EPOCHS, small_job
from tests.faults.outcome import epochs
from tests.quiet import fit_quietly
from tlx.report.recorder import Recorder


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
