import csv
import functools
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.faults.jobs import BY_EPOCHS, small_job
from tests.quiet import fit_quietly
from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.errors import ConfigError
from tlx.logger.tensorboard import TensorBoard, tensorboard

SETTINGS = {"seed": 0, "data.batch_size": 8, "strategy.schedule": None, "optimizer.betas": [0.9, 0.999]}


class Breaks(TensorBoard):
    """Raises once the events of the third epoch are written, before that epoch's checkpoint is."""

    def on_train_epoch_end(self, *given: Any) -> None:
        super().on_train_epoch_end(*given)
        if self._written == 3:
            raise RuntimeError("the power went")


def fit(folder: Path, make: type[TensorBoard] = TensorBoard, **more: Any) -> dict[str, Any]:
    logger = functools.partial(make, settings=SETTINGS, **more)
    return fit_quietly(replace(small_job(strategy=BY_EPOCHS), logger=logger), folder)


def events(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    found.Reload()
    return found


def scalars(found: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in found.Scalars(tag)]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("logged") / "run"
    return folder, fit(folder)


def test_every_figure_of_every_epoch_is_there_once(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = finished
    found = events(folder / "tensorboard")
    for column in rows(folder)[0]:
        if column not in ("step", "phase"):
            wanted = [(int(row["step"]), float(row[column])) for row in rows(folder) if row[column]]
            assert scalars(found, column) == [(step, pytest.approx(value)) for step, value in wanted], column


def test_phases_are_marked_where_they_begin(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = finished
    found = events(folder / "tensorboard")
    assert [value for _, value in scalars(found, "phase")] == [1, 2, 2, 3, 3]
    marks = [(e.step, e.tensor_proto.string_val[0].decode()) for e in found.Tensors("phase/text_summary")]
    assert [step for step, _ in marks] == [7, 14, 28]
    assert marks[0][1] == "1 of 3: head"


def test_final_figures_and_settings_are_there(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, summary = finished
    found = events(folder / "tensorboard")
    assert scalars(found, "final/test/accuracy") == [(35, pytest.approx(summary["test/accuracy"]))]
    assert "final/seed" not in found.Tags()["scalars"]
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    content = found.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    kept = HParamsPluginData.FromString(content).session_start_info.hparams
    assert kept["data.batch_size"].number_value == 8
    assert kept["optimizer.betas"].string_value == "[0.9, 0.999]"
    assert len(list((folder / "tensorboard").iterdir())) == 1


def test_a_resumed_run_doubles_and_loses_no_step(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the power went"):
        fit(tmp_path, Breaks)
    before = scalars(events(tmp_path / "tensorboard"), "val/loss")
    assert [step for step, _ in before] == [7, 14, 21]
    fit(tmp_path)
    after = scalars(events(tmp_path / "tensorboard"), "val/loss")
    assert [step for step, _ in after] == [7, 14, 21, 28, 35]
    assert [value for _, value in after] == pytest.approx([float(row["val/loss"]) for row in rows(tmp_path)])


def test_events_that_a_kill_left_in_two_files_count_once(
    finished: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Between the new file and the end of the old one both are there, and the new one counts."""
    run = tmp_path / "run"
    shutil.copytree(finished[0], run)
    old = next((run / "tensorboard").iterdir())
    kept = old.read_bytes()
    TensorBoard(run, SETTINGS)._open().close()
    old.write_bytes(kept)
    assert len(list(old.parent.iterdir())) == 2
    assert [step for step, _ in scalars(events(old.parent), "epoch")] == [7, 14, 21, 28, 35]


def test_runs_can_share_a_folder(finished: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    TensorBoard(finished[0], SETTINGS, str(tmp_path / "all"))._open().close()
    assert scalars(events(tmp_path / "all" / finished[0].name), "epoch")[-1] == (35, 5)


def test_only_the_first_rank_writes(tmp_path: Path) -> None:
    class Second:
        is_global_zero = False

    logger = TensorBoard(tmp_path, {})
    logger.on_train_start(Second(), None)  # type: ignore[arg-type]
    logger.on_train_epoch_end(Second(), None)  # type: ignore[arg-type]
    logger.on_train_end(Second(), None)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_the_choice_of_a_config_becomes_the_callback_with_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHERE", str(tmp_path))
    words = ["model.weights=null", "logger=tensorboard", "logger.folder=${oc.env:WHERE}", "data.per_class=3"]
    made = make_job(compose("fit", words).config).logger
    assert made is not None
    callback = made(Path("runs/one"))
    assert callback.folder == tmp_path / "one"
    assert callback.settings["data.per_class"] == 3
    assert not [key for key in callback.settings if "_target_" in key or key.startswith("logger")]
    assert make_job(compose("fit", ["model.weights=null"]).config).logger is None


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tlx.logger.tensorboard.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"not installed. Try: pip install tlx\[tensorboard\]"):
        tensorboard()
