import importlib.metadata
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file

from tests.faults.jobs import BY_EPOCHS, MadeUp, small_job
from tests.quiet import fit_quietly
from tlx import conclusion
from tlx.assembly import build_network
from tlx.calibration import WithTemperature
from tlx.checkpoint.durable import newest, read
from tlx.checkpoint.weights import load_weights
from tlx.errors import ConfigError
from tlx.functional.calibration import fit_temperature
from tlx.tasks.multiclass import Multiclass
from tlx.tasks.multilabel import Multilabel
from tlx.tasks.regression import Regression
from tlx.types import Task


def test_the_bundle_holds_the_weights_of_the_best_epoch(tmp_path: Path) -> None:
    job = small_job()
    fit_quietly(job, tmp_path)
    path = newest(tmp_path / "checkpoints")
    assert path is not None
    best = read(path)["callbacks"]["Finetuning"]["best"]["run"]
    network = build_network(small_job())
    load_weights(network, tmp_path / "checkpoints" / best["file"], best["sha256"])
    bundled = load_file(tmp_path / "bundle" / "model.safetensors")
    assert all(torch.equal(tensor, bundled[name]) for name, tensor in network.state_dict().items())


def test_moments_are_those_of_the_training_features(tmp_path: Path) -> None:
    job = small_job(strategy=BY_EPOCHS)
    fit_quietly(job, tmp_path)
    train = job.data.splits.train
    prepare = job.backbone.preprocessing.prepare
    images = torch.stack([prepare(train.read(i)) for i in range(len(train))])
    with torch.inference_mode():
        features = job.backbone.eval()(images).double()
    found = load_file(tmp_path / "bundle" / "features.safetensors")
    torch.testing.assert_close(found["mean"].double(), features.mean(dim=0), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found["covariance"].double(), features.T.cov(), atol=1e-5, rtol=1e-4)


def test_a_large_training_set_is_sampled_for_its_moments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conclusion, "MOMENT_SAMPLES", 10)
    counted: list[int] = []
    original = conclusion.FeatureMoments.update

    def update(self: conclusion.FeatureMoments, features: torch.Tensor) -> None:
        counted.append(len(features))
        original(self, features)

    monkeypatch.setattr(conclusion.FeatureMoments, "update", update)
    fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path)
    assert sum(counted) == 10


def test_every_phase_says_why_it_ended(tmp_path: Path) -> None:
    fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path)
    phases = json.loads((tmp_path / "phases.json").read_text())
    assert [(p["first_epoch"], p["last_epoch"]) for p in phases] == [(1, 1), (2, 3), (4, 5)]
    assert [p["reason"] for p in phases] == ["its 1 epoch is over", *["its 2 epochs are over"] * 2]


def test_data_without_a_test_split_gets_no_test_figures(tmp_path: Path) -> None:
    class TwoSplits(MadeUp):
        def splits(self):  # type: ignore[no-untyped-def]
            return super().splits()._replace(test=None)

    summary = fit_quietly(small_job(strategy=BY_EPOCHS, source=TwoSplits(), page=True), tmp_path)
    assert "val/accuracy" in summary
    assert not any(name.startswith("test/") for name in summary)
    assert summary["val/temperature"] > 0
    assert "There is no test split to measure it on." in (tmp_path / "report.html").read_text()
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize("task", [Multiclass(), Multilabel()], ids=lambda task: task.name)
def test_the_temperature_is_fitted_on_validation_and_measured_on_test(tmp_path: Path, task: Task) -> None:
    job = small_job(strategy=BY_EPOCHS, task=task)
    summary = fit_quietly(job, tmp_path)
    network = build_network(small_job(task=task))
    load_weights(network, tmp_path / "bundle" / "model.safetensors")
    prepare = job.backbone.preprocessing.prepare
    found = {}
    for name, split in (("val", job.data.splits.val), ("test", job.data.splits.test)):
        assert split is not None
        with torch.inference_mode():
            outputs = network.eval()(torch.stack([prepare(split.read(i)) for i in range(len(split))]))
        found[name] = outputs, torch.tensor(split.labels)
    fitted = fit_temperature(*found["val"])
    evaluation = json.loads((tmp_path / "evaluation.json").read_text())["splits"]
    assert fitted.ended == "minimum"
    assert summary["val/temperature"] == pytest.approx(fitted.value, rel=1e-4)
    for split in ("val", "test"):
        said = {"value": summary["val/temperature"], "samples": 30, "ended": "minimum"}
        assert evaluation[split]["temperature"] == said
    assert json.loads((tmp_path / "bundle" / "bundle.json").read_text())["temperature"] == said["value"]
    tried = WithTemperature(said["value"])
    tried.update(*found["test"], torch.arange(len(found["test"][0])))
    for name, value in tried.result()["metrics"].items():
        assert summary[f"test/{name}_calibrated"] == pytest.approx(value, abs=1e-4)
    assert evaluation["test"]["calibrated"]["metrics"]["loss"] == summary["test/loss_calibrated"]
    assert "calibrated" not in evaluation["val"]


def test_numbers_have_no_temperature(tmp_path: Path) -> None:
    summary = fit_quietly(small_job(strategy=BY_EPOCHS, task=Regression(), page=True), tmp_path)
    assert not any("temperature" in key or "calibrat" in key for key in summary)
    assert "temperature" not in (tmp_path / "evaluation.json").read_text()


def test_a_run_without_a_page_ends_in_the_same_figures(tmp_path: Path) -> None:
    shown = fit_quietly(small_job(strategy=BY_EPOCHS, page=True), tmp_path / "shown")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "report.html").write_text("of a run that was shorter")
    bare = fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path / "bare")
    assert (tmp_path / "shown" / "report.html").exists()
    assert not (tmp_path / "bare" / "report.html").exists()
    assert {k: v for k, v in bare.items() if k != "train/seconds"} == {
        k: v for k, v in shown.items() if k != "train/seconds"
    }


def test_a_page_is_made_or_not() -> None:
    with pytest.raises(ConfigError, match="page='no' is not usable. Expected true or false"):
        small_job(page="no")


def test_versions_name_what_the_bits_depend_on() -> None:
    assert {"tlx", "torch", "lightning", "python", "machine", "threads"} <= conclusion.versions().keys()


def test_versions_name_a_package_of_models_where_the_process_has_it_and_import_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in conclusion.WHERE_LOADED:
        monkeypatch.delitem(sys.modules, name, raising=False)
    bare = conclusion.versions()
    assert not set(conclusion.WHERE_LOADED.values()) & bare.keys()
    assert not set(conclusion.WHERE_LOADED) & sys.modules.keys()
    monkeypatch.setitem(sys.modules, "timm", ModuleType("timm"))
    monkeypatch.setitem(sys.modules, "open_clip", ModuleType("open_clip"))  # of no package that is installed
    monkeypatch.setitem(sys.modules, "peft", None)  # type: ignore[arg-type]  # an import of it would fail
    assert conclusion.versions() == bare | {"timm": importlib.metadata.version("timm")}
