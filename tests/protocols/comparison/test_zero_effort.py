from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tlx.composition.compose import compose
from tlx.protocols.comparison.zero_effort import constant_worths, neighbour_figure
from tlx.protocols.given import Given
from tlx.verbs.makers import makers


def given(folder: Path, task: str, labels: list[str]) -> Given:
    """Pictures, light and dark ones in turn."""
    folder.mkdir()
    draws = np.random.default_rng(0)
    for number in range(len(labels)):
        shade = 40 if number % 2 else 200
        picture = np.kron(draws.integers(shade - 30, shade + 30, (8, 8)), np.ones((4, 4))).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"{number}.png")
    rows = "".join(f"{number}.png,{label}\n" for number, label in enumerate(labels))
    (folder / "table.csv").write_text(f"image,label\n{rows}")
    words = ["data=image_csv", f"data.file={folder / 'table.csv'}", "data.test_fraction=0.3"]
    own = [f"task={task}", "data.separator=/"] if task == "multilabel" else [f"task={task}"]
    config = compose("fit", [*words, *own, "data.val_fraction=0.2", "trainer=cpu", "cache=none"]).config
    return Given(config, folder, makers((), quiet=True), lambda line: None)


@pytest.mark.parametrize(
    ("targets", "known", "asked", "figure"),
    [
        ("class", [2, 2, 0], [2, 0, 1, 2], 0.5),
        ("classes", [[1, 0], [1, 0], [0, 0]], [[1, 0], [0, 1]], 0.5),
        ("numbers", [[0.0, 1.0], [2.0, 1.0], [100.0, 4.0]], [[3.0, 1.0], [2.0, 3.0]], 0.75),
    ],
)
def test_one_answer_for_all_is_the_best_of_what_is_known(
    targets: Any, known: list[Any], asked: list[Any], figure: float
) -> None:
    assert float(constant_worths(targets, np.array(known), np.array(asked)).mean()) == figure


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        ("multiclass", ["light", "dark"]),
        ("multilabel", ["light/any", "dark/any"]),
        ("regression", ["9", "1"]),
    ],
)
def test_neighbours_know_light_from_dark_whatever_the_task(
    task: str, labels: list[str], tmp_path: Path
) -> None:
    told = given(tmp_path / "pictures", task, labels * 24)
    job = told.makers.job(told.config)
    splits, targets = job.data.splits, job.task.targets
    assert splits.test is not None
    train, test = (np.asarray(split.labels) for split in (splits.train, splits.test))
    always = float(constant_worths(targets, train, test).mean())
    near = neighbour_figure(told, "test")
    if task == "regression":
        assert near < 0.9 * always  # 20 of 34 are near
    else:
        assert near > 0.9 > always
