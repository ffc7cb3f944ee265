"""Each task through fit, test and predict, from a CSV of pictures."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command import Server


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    with (tmp_path / "photos.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "tags", "brightness", "width", "part"])
        for number in range(60):
            tags = [
                tag for tag, share in (("bright", 0.5), ("left", 0.4), ("rare", 0.2)) if rng.random() < share
            ]
            part = ("train", "train", "train", "val", "test")[number % 5]
            pixels = rng.integers(0, 60, (12, 12))
            pixels += 150 * ("bright" in tags)
            pixels[:, :4] += 40 * ("left" in tags)
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{number}.png")
            rows.writerow([f"{number}.png", "|".join(tags), float(pixels.mean()), number % 7, part])
    return tmp_path


def run(command: Server, folder: Path, task: str, label: str) -> dict[str, object]:
    words = (
        f"task={task}",
        "data=image_csv",
        "data.file=photos.csv",
        f"data.label={label}",
        "data.split=part",
        "run_dir=run",
    )
    short = ("strategy=full", "strategy.epochs=1", "model.weights=null", "page=false")
    result = command.run(folder, "fit", *words, *short)
    assert result.code == 0, result.err
    summary: dict[str, object] = json.loads((folder / "run" / "summary.json").read_text())
    return summary


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_several_classes(command: Server, photos: Path) -> None:
    summary = run(command, photos, "multilabel", "tags")
    assert (summary["task"], summary["monitor"]) == ("multilabel", "val/average_precision")
    assert summary["classes"] == ["bright", "left", "rare"]
    tested = command.run(photos, "test", "run")
    assert f"average precision {summary['test/average_precision']:.4f}" in tested.out, tested.err
    predicted = command.run(photos, "predict", "run", "split=test", "out=found.csv")
    assert predicted.code == 0, predicted.err
    rows = table(photos / "found.csv")
    assert list(rows[0]) == ["input", "classes", "bright", "left", "rare"]
    for row in rows:
        named = {name for name in ("bright", "left", "rare") if float(row[name]) >= 0.5}
        assert row["classes"] == ("|".join(sorted(named)) or "none")


def test_several_numbers(command: Server, photos: Path) -> None:
    summary = run(command, photos, "regression", "[brightness,width]")
    assert (summary["task"], summary["monitor"]) == ("regression", "val/loss")
    tested = command.run(photos, "test", "run")
    assert f"mean absolute error {summary['test/mae']:.4f}" in tested.out, tested.err
    predicted = command.run(photos, "predict", "run", "0.png", "1.png", "out=found.csv")
    assert predicted.code == 0, predicted.err
    rows = table(photos / "found.csv")
    assert list(rows[0]) == ["input", "brightness", "width"]
    assert 0 < float(rows[0]["brightness"]) < 300


def test_the_numbers_of_other_data_may_stand_in_another_order_but_not_be_others(
    command: Server, photos: Path
) -> None:
    run(command, photos, "regression", "[brightness,width]")
    own = command.run(photos, "test", "run")
    turned = command.run(photos, "test", "run", "data.label=[width,brightness]")
    assert turned.out.splitlines()[-1] == own.out.splitlines()[-1]
    other = command.run(photos, "test", "run", "data.label=brightness")
    assert (other.code, "the data lacks width" in other.err) == (3, True), other.err


def test_labels_of_another_task_are_refused_with_the_task_that_reads_them(
    command: Server, photos: Path
) -> None:
    result = command.run(photos, "fit", "task=regression", "data=digits")
    assert result.code == 3
    assert "data=image_csv" in result.err
    result = command.run(
        photos, "fit", "task=regression", "data=image_csv", "data.file=photos.csv", "data.label=tags"
    )
    assert result.code == 3
    assert "Traceback" not in result.err
