"""conf/experiment/resnet50_layer_rates on random weights in a file: what moves, how fast, and what not."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import resnet50

from tests.quiet import fit_quietly
from tlx.checkpoint.durable import checkpoints, read
from tlx.composition.compose import compose
from tlx.composition.job import make_job

CLASSES = ("ash", "birch", "cedar", "elm", "fir")
RATES = {"layer3": 1e-5, "layer4": 1e-4, "head": 1e-3}
FROZEN = ("conv1.", "bn1.", "layer1.", "layer2.")


def write_pictures(root: Path) -> None:
    draw = np.random.default_rng(0)
    for split, count in (("train", 3), ("val", 1)):
        for name in CLASSES:
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{number}.png")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One epoch of two batches; the weights before and after, and the optimizer's state."""
    folder = tmp_path_factory.mktemp("layer_rates")
    write_pictures(folder / "photos")
    torch.manual_seed(0)
    before = resnet50(weights=None).state_dict()  # with its head of 1000 classes
    torch.save(before, folder / "resnet50.pth")
    words = [
        f"model.weights={folder / 'resnet50.pth'}",
        "model.image_size=32",
        f"data.root={folder / 'photos'}",
    ]
    words += ["data.batch_size=8", "trainer=cpu", "strategy.epochs=1"]
    words += ["strategy.schedule=constant", "strategy.warmup=0", "page=false"]
    job = make_job(compose("fit", ["experiment=resnet50_layer_rates", *words]).config)
    fit_quietly(job, folder / "run")
    state = read(checkpoints(folder / "run/checkpoints")[-1])
    after = {name.removeprefix("net."): tensor for name, tensor in state["state_dict"].items()}
    with (folder / "run/metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {"before": before, "after": after, "optimizer": state["optimizer_states"][0], "rows": rows}


def moved(trained: dict[str, Any], prefix: str) -> dict[str, bool]:
    """Whether each tensor of the backbone under a prefix is another than in the file."""
    return {
        name: not torch.equal(tensor, trained["after"][f"backbone.net.{name}"])
        for name, tensor in trained["before"].items()
        if name.startswith(prefix)
    }


def test_below_layer3_every_parameter_and_buffer_is_as_in_the_file(trained: dict[str, Any]) -> None:
    found = {name: change for prefix in FROZEN for name, change in moved(trained, prefix).items()}
    assert len(found) == 6 * (1 + 10 + 13)  # tensors of a convolution and its norm, in stem, layer1, layer2
    assert not any(found.values())


@pytest.mark.parametrize("stage", ["layer3.", "layer4."])
def test_the_upper_stages_move_with_their_running_statistics(trained: dict[str, Any], stage: str) -> None:
    found = moved(trained, stage)
    assert found
    assert all(found.values())


def test_the_head_is_new_and_has_the_classes_of_the_folder(trained: dict[str, Any]) -> None:
    assert trained["after"]["head.linear.weight"].shape == (5, 2048)
    assert len(trained["rows"]) == 1
    assert int(trained["rows"][0]["step"]) == 2


def test_the_optimizer_had_the_rates_that_were_asked_for(trained: dict[str, Any]) -> None:
    rates = {group["name"]: group["lr"] for group in trained["optimizer"]["param_groups"]}
    for part in ("stem", "layer1", "layer2", "layer3", "layer4", "head"):
        assert rates[f"{part}/decay"] == rates[f"{part}/no_decay"] == RATES.get(part, 0.0)


def test_no_step_is_longer_than_its_rate_allows(trained: dict[str, Any]) -> None:
    """AdamW moves a weight by at most about its rate in a step, beside the decay."""
    for stage, rate in (("layer3", 1e-5), ("layer4", 1e-4)):
        name = f"{stage}.0.conv2.weight"
        change = (trained["after"][f"backbone.net.{name}"] - trained["before"][name]).abs().max()
        assert 0.5 * rate < change < 2.5 * rate
