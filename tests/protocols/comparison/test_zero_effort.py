from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tlx.composition.compose import compose
from tlx.protocols.comparison.zero_effort import commonest, constant_worths, neighbour_figure
from tlx.protocols.given import Given
from tlx.verbs.makers import makers
from tlx.verbs.protocol import answer


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


def test_where_a_draw_made_classes_equal_the_commonest_is_that_of_all_labels() -> None:
    drawn, labelled = np.array([0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 2, 2, 2, 2])

    assert commonest(drawn, labelled) == 1, "2 is commoner in all, but not in what is known"
    assert commonest(drawn, drawn) == 0, "the first where nothing tells"
    assert float(constant_worths("class", drawn, np.array([1, 1, 1, 0]), labelled).mean()) == 0.75
    several = np.array([[0, 1], [1, 1]]), np.array([[0, 1], [1, 1], [0, 1]])
    assert constant_worths("classes", several[0], np.array([[0, 1]]), several[1]).tolist() == [1.0]


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


def test_the_commonest_answer_of_as_many_labels_of_each_class_is_that_of_all_labels(tmp_path: Path) -> None:
    data = ["data=by_classes", "data@data.of=digits", "data.classes=['8','3']", "data.per_class=3"]
    small = ["strategy.epochs=1", "gain.seeds=1", "gain.rates=[1]", "gain.halvings=0", "page=false"]
    words = [*data, *small, "strategy=feature_extraction", "trainer=cpu", "cache=none"]
    found = answer(tmp_path / "drawn", "gain", compose("gain", words))
    splits = makers((), quiet=True).job(compose("fit", data[:3]).config).data.splits
    assert splits.test is not None
    assert found.majority == (splits.test.labels == np.bincount(splits.train.labels).argmax()).mean()
