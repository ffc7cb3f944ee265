import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.faults.jobs import BY_EPOCHS, CLASSES, MadeUp, small_job
from tests.quiet import fit_quietly
from tlx.data.datamodule import TransferData
from tlx.errors import CheckpointError, ConfigError, DataError
from tlx.inference import load, predict, score
from tlx.trainer import TrainerSettings

CPU = TrainerSettings(accelerator="cpu")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("run")
    job = small_job(strategy=BY_EPOCHS)
    job.backbone.recipe = {"_target_": "tlx.backbones.tiny.tiny", "weights": None}
    summary = fit_quietly(job, folder)
    return folder, summary


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small backbone of the tests is not tlx's own: let its bundle be built all the same."""
    from tests.faults.jobs import small_backbone
    from tlx.checkpoint import bundle

    original = bundle.build

    def build(recipe: Any, **more: Any) -> Any:
        return small_backbone() if "tiny" in recipe["_target_"] else original(recipe, **more)

    monkeypatch.setattr(bundle, "build", build)


@pytest.mark.usefixtures("trusted")
def test_score_gives_the_figures_of_the_fit(run: tuple[Path, dict[str, Any]]) -> None:
    folder, summary = run
    scores = score(folder, TransferData(MadeUp(), batch_size=8), CPU)
    for name, value in scores["metrics"].items():
        assert summary[f"test/{name}"] == value
    assert score(folder, TransferData(MadeUp()), CPU, "val")["metrics"]["accuracy"] == summary["val/accuracy"]


@pytest.mark.usefixtures("trusted")
def test_predictions_have_exactly_the_accuracy_of_the_test(
    run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, summary = run
    split = MadeUp().splits().test
    assert split is not None
    data = TransferData(MadeUp())
    assert predict(folder, data, split, tmp_path / "out.csv", CPU) == len(split)
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["input"] for row in rows] == [split.name(i) for i in range(len(split))]
    right = [row["class"] == CLASSES[label] for row, label in zip(rows, split.labels, strict=True)]
    assert float(np.float32(np.mean(right))) == summary["test/accuracy"]
    assert all(1 / 3 <= float(row["probability"]) <= 1 for row in rows)


@pytest.mark.usefixtures("trusted")
def test_the_temperature_of_the_run_acts_on_probabilities_and_on_no_class(
    run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, summary = run
    split = MadeUp().splits().test
    assert split is not None and summary["val/temperature"] != pytest.approx(1.0, abs=0.01)
    written = []
    for name, more in (("one", {}), ("other", {"calibrated": False})):
        predict(folder, TransferData(MadeUp()), split, tmp_path / name, CPU, **more)
        with (tmp_path / name).open() as file:
            written.append(list(csv.DictReader(file)))
    assert [row["class"] for row in written[0]] == [row["class"] for row in written[1]]
    network, transform = load(folder)
    assert network.temperature == summary["val/temperature"]
    with torch.inference_mode():
        logits = network(transform([split.read(i) for i in range(len(split))]))
    for rows, temperature in zip(written, (network.temperature, 1.0), strict=True):
        sure = (logits / temperature).softmax(1).max(1).values.tolist()
        assert [float(row["probability"]) for row in rows] == pytest.approx(sure, abs=1e-5)


@pytest.mark.usefixtures("trusted")
def test_score_tells_what_the_temperature_makes_of_it(
    run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, summary = run
    found = score(folder, TransferData(MadeUp(), batch_size=8), CPU)["calibrated"]
    assert found["temperature"] == summary["val/temperature"]
    for name, value in found["metrics"].items():
        assert value == summary[f"test/{name}_calibrated"]
    older = shutil.copytree(folder / "bundle", tmp_path / "bundle")
    content = json.loads((older / "bundle.json").read_text())
    del content["temperature"]
    (older / "bundle.json").write_text(json.dumps(content))
    assert "calibrated" not in score(older, TransferData(MadeUp(), batch_size=8), CPU)


@pytest.mark.usefixtures("trusted")
def test_classes_in_another_order_are_put_right_and_foreign_ones_refused(
    run: tuple[Path, dict[str, Any]],
) -> None:
    class Reordered(MadeUp):
        def splits(self):  # type: ignore[no-untyped-def]
            found = super().splits()
            turned = _Turned(found.test)
            return found._replace(test=turned, classes=("top", "right", "left"))

    class Foreign(MadeUp):
        def splits(self):  # type: ignore[no-untyped-def]
            return super().splits()._replace(classes=("left", "right", "bottom"))

    folder, summary = run
    scores = score(folder, TransferData(Reordered()), CPU)
    assert scores["metrics"]["accuracy"] == summary["test/accuracy"]
    with pytest.raises(DataError, match=r"does not know 1 classes.*bottom.*it knows left, right, top"):
        score(folder, TransferData(Foreign()), CPU)


class _Turned:
    def __init__(self, split: Any) -> None:
        self.split, self.labels = split, 2 - split.labels

    def __len__(self) -> int:
        return len(self.split)

    def read(self, index: int) -> Any:
        return self.split.read(index)


@pytest.mark.usefixtures("trusted")
def test_a_loaded_network_takes_one_sample_or_several(run: tuple[Path, dict[str, Any]]) -> None:
    network, transform = load(run[0])
    split = MadeUp().splits().val
    images = [split.read(i) for i in range(3)]
    with torch.inference_mode():
        together = network(transform(images))
        alone = network(transform(images[1]))
    assert together.shape == (3, 3)
    torch.testing.assert_close(alone[0], together[1])


def test_a_run_without_a_bundle_and_an_unknown_split_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no bundle"):
        load(tmp_path)


@pytest.mark.usefixtures("trusted")
def test_an_unknown_split_is_refused(run: tuple[Path, dict[str, Any]]) -> None:
    with pytest.raises(ConfigError, match="Known: train, val, test"):
        score(run[0], TransferData(MadeUp()), CPU, "tset")
