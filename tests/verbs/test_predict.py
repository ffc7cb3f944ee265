import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.command import SMOKE, Server
from tlx.data.digits import Digits
from tlx.verbs.predict import _policy


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_predictions_have_exactly_the_accuracy_that_test_gives(
    command: Server, finished: Path, tmp_path: Path
) -> None:
    result = command.run(tmp_path, "predict", str(finished), "split=test", "out=here.csv")
    assert result.code == 0, result.err
    found = rows(tmp_path / "here.csv")
    split = Digits(0.02, 0.02).splits().test
    assert split is not None
    right = sum(row["class"] == str(label) for row, label in zip(found, split.labels, strict=True))
    assert right / len(found) == pytest.approx(
        json.loads((finished / "summary.json").read_text())["test/accuracy"]
    )


def test_files_and_folders_get_a_row_each(command: Server, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for path in ("one.png", "more/two.png", "more/three.png"):
        Image.new("L", (8, 8), 128).save(tmp_path / path)
    result = command.run(tmp_path, "predict", str(finished), "one.png", "more", "out=out.csv")
    assert result.code == 0, result.err
    assert "3 predictions in out.csv" in result.out
    found = rows(tmp_path / "out.csv")
    assert [Path(row["input"]).name for row in found] == ["one.png", "three.png", "two.png"]
    assert len({(row["class"], row["probability"]) for row in found}) == 1
    assert all(0 < float(row["probability"]) <= 1 for row in found)


def test_probabilities_are_calibrated_unless_the_networks_own_are_asked_for(
    command: Server, finished: Path, tmp_path: Path
) -> None:
    for word in ("calibrated=true", "calibrated=false"):
        result = command.run(tmp_path, "predict", str(finished), "split=val", f"out={word}.csv", word)
        assert result.code == 0, result.err
    assert command.run(tmp_path, "predict", str(finished), "split=val", "out=default.csv").code == 0
    assert rows(tmp_path / "default.csv") == rows(tmp_path / "calibrated=true.csv")
    one, other = rows(tmp_path / "default.csv"), rows(tmp_path / "calibrated=false.csv")
    assert [row["class"] for row in one] == [row["class"] for row in other]
    softer = json.loads((finished / "summary.json").read_text())["val/temperature"] > 1
    for a, b in zip(one, other, strict=True):
        assert (float(a["probability"]) < float(b["probability"])) == softer


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "either PATHS or split="),
        (["x.png", "split=test"], 2, "either"),
        (["no.png"], 3, "there is no no.png"),
        (["split=test", "calibrated=maybe"], 2, "calibrated='maybe' is not usable. Expected true or false"),
    ],
)
def test_what_cannot_be_predicted_is_refused(
    command: Server, finished: Path, tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    result = command.run(tmp_path, "predict", str(finished), *words)
    assert (result.code, said in result.err) == (code, True), result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("recipe", "policy"),
    [
        ({}, "error"),
        ({"bad_files": "skip"}, "skip"),
        ({"of": {"of": {"bad_files": "skip"}}}, "skip"),
        ({"of": [{"bad_files": "skip"}, {"bad_files": "skip"}]}, "skip"),
        ({"of": [{"bad_files": "skip"}, {}]}, "error"),
        ({"of": "own"}, "error"),
    ],
)
def test_files_are_left_out_where_the_data_of_the_run_leaves_them_out(
    recipe: dict[str, Any], policy: str
) -> None:
    assert _policy(recipe) == policy


def test_files_that_cannot_be_read_are_refused_or_left_out_and_listed(
    command: Server, finished: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "cut.png"):
        Image.effect_noise((64, 64), 50).save(photos / name)
    whole = (photos / "cut.png").read_bytes()
    (photos / "cut.png").write_bytes(whole[: len(whole) // 2])  # its header is whole
    (photos / "none.png").write_text("no image")
    train = ("fit", *SMOKE, "data=folder", f"data.root={tmp_path / 'set'}", "run_dir=run")
    for label in ("one", "two"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(5):
            Image.effect_noise((32, 32), 20 + number).save(tmp_path / "set" / label / f"{number}.png")
    assert command.run(tmp_path, *train).code == 0
    result = command.run(tmp_path, "predict", "run", "photos", "out=out.csv")
    assert (result.code, "bad_files=skip" in result.err) == (3, True), result.err
    result = command.run(tmp_path, "predict", "run", "photos", "out=out.csv", "data.bad_files=skip")
    assert result.code == 0, result.err
    assert [Path(row["input"]).name for row in rows(tmp_path / "out.csv")] == ["a.png"]
    assert "2 files are left out (all in out.bad_files.txt)" in result.err and "cut.png" in result.err
    listed = (tmp_path / "out.bad_files.txt").read_text().splitlines()
    assert [Path(line.partition("\t")[0]).name for line in listed] == ["cut.png", "none.png"]
