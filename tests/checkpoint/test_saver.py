from pathlib import Path

import pytest

from tests.faults.jobs import BY_EPOCHS, small_job
from tests.quiet import fit_quietly
from tlx.checkpoint.durable import checkpoints, read
from tlx.checkpoint.saver import Saver
from tlx.errors import ConfigError
from tlx.process.signals import Terminated


def test_the_newest_two_are_kept_and_named_by_position(tmp_path: Path) -> None:
    fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path)  # 5 epochs of 7 batches
    names = [path.stem for path in checkpoints(tmp_path / "checkpoints")]
    assert names == [f"{2 * 34:012d}", f"{2 * 35 + 1:012d}"]


def test_a_last_batch_is_saved_with_its_epoch_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    original = Saver._save
    monkeypatch.setattr(
        Saver, "_save", lambda self, t, position: (saved.append(position), original(self, t, position))
    )
    fit_quietly(small_job(strategy=BY_EPOCHS, checkpoint_steps=1), tmp_path)
    in_epochs = [position for position in saved if position % 2 == 0]
    assert not any(position // 2 % 7 == 0 for position in in_epochs)
    assert [position for position in saved if position % 2] == [2 * 7 * n + 1 for n in range(1, 6)]


def test_weight_files_nobody_refers_to_are_swept(tmp_path: Path) -> None:
    fit_quietly(small_job(), tmp_path)
    kept = checkpoints(tmp_path / "checkpoints")
    referred = {e["file"] for path in kept for e in read(path)["callbacks"]["Finetuning"]["best"].values()}
    found = {path.name for path in (tmp_path / "checkpoints").glob("*.safetensors")}
    assert found == referred


def test_what_asks_for_the_end_is_answered_after_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = iter([0, 0, 15, 15])
    monkeypatch.setattr("tlx.training.asked", lambda: next(asks))
    with pytest.raises(Terminated, match=r"saved up to step 3\. Try: tlx resume"):
        fit_quietly(small_job(strategy=BY_EPOCHS, checkpoint_steps=None), tmp_path)
    assert [int(path.stem) for path in checkpoints(tmp_path / "checkpoints")] == [2 * 3]


@pytest.mark.parametrize("arguments", [{"seconds": 0.0}, {"steps": 0}])
def test_intervals_must_be_positive(tmp_path: Path, arguments: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="checkpoint_"):
        Saver(tmp_path, **arguments)  # type: ignore[arg-type]
