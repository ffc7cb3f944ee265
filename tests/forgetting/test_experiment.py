"""conf/experiment/ants_bees_forgetting on made-up photos: what learns, what protects, what measures."""

from pathlib import Path
from typing import Any

import pytest

from scripts.forgetting.grid import Material, varied, words
from scripts.forgetting.halves import write
from tests.forgetting.material import KNOWN, SIDE, write_material
from tests.quiet import fit_quietly
from tlx.checkpoint.durable import checkpoints, read
from tlx.composition.compose import compose
from tlx.composition.job import make_job

SMALL = [f"model.image_size={SIDE}", "strategy.epochs=1", "data.batch_size=4", "trainer=cpu"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A point of the plot: its job, its summary and its last checkpoint."""
    root = write_material(tmp_path_factory.mktemp("forgetting"))
    counts = write(root / "known", root / "halves")
    material = Material(
        root / "photos", root / "known", root / "halves", root / "weights.pth", counts["protecting"]
    )
    asked = [*words("replay", material), *varied("replay", (10.0,), (2,)), *SMALL]
    job = make_job(compose("fit", asked).config)
    summary = fit_quietly(job, root / "run")
    state = read(checkpoints(root / "run/checkpoints")[-1])
    return {"job": job, "summary": summary, "state": state}


def test_even_classes_protect_and_odd_ones_measure(trained: dict[str, Any]) -> None:
    splits = trained["job"].source.splits
    for split, first in ((splits.train, 0), (splits.val, 1)):
        names = {splits.classes[label] for label in split.labels}
        assert names == {f"{number:04d}_n{number}" for number in range(first, KNOWN, 2)}
    assert trained["summary"]["source/samples"] == len(splits.val) == KNOWN
    buffer = trained["state"]["callbacks"]["Replay"]["buffer"]
    assert sorted(buffer.tolist()) == list(range(len(splits.train)))


def test_the_folder_val_measures_and_has_chosen_nothing(trained: dict[str, Any]) -> None:
    splits = trained["job"].data.splits
    assert len(splits.test) == 12
    assert {Path(splits.test.name(n)).parent.parent.name for n in range(len(splits.test))} == {"val"}
    assert {Path(splits.val.name(n)).parent.parent.name for n in range(len(splits.val))} == {"train"}


def test_all_of_the_network_moves_at_two_rates(trained: dict[str, Any]) -> None:
    (phase,) = trained["job"].strategy(("stem", "fire2")).phases
    assert phase.trains == {"stem": 3e-4, "fire2": 3e-4, "head": 3e-3}
    assert trained["summary"]["parameters/trainable"] == trained["summary"]["parameters/total"]
