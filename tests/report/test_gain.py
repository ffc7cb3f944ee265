import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.protocols.results.test_gain import RESULT
from tlx.errors import CheckpointError
from tlx.protocols.comparison.corruptions import Corruptions
from tlx.protocols.comparison.measured import Measured
from tlx.protocols.plain import plain
from tlx.protocols.results.gain import Calibration, Label
from tlx.report.gain import result_lines, write_page

ABOUT = {"model": "<b>tiny</b>", "data": "digits", "seed": 0, "versions": {}}


def result(**changes: Any) -> dict[str, Any]:
    return ABOUT | dict(plain(replace(RESULT, **changes)))


def page(folder: Path, **changes: Any) -> str:
    (folder / "result.json").write_text(json.dumps(result(**changes)))
    return write_page(folder).read_text().replace("\u00a0", " ")


def test_the_page_shows_the_gain_its_interval_and_its_verdict(tmp_path: Path) -> None:
    found = page(tmp_path)
    for said in (
        "+25.0 points",
        "10.0 points to 40.0 points",
        "positive transfer",
        "Always the commonest answer",
        "Nearest neighbours, nothing trained",
        "40.0 %",
    ):
        assert said in found
    assert "<b>tiny</b>" not in found and "<svg" in found


@pytest.mark.parametrize(
    ("verdict", "said"),
    [("negative transfer", "knowing did harm"), ("none shown", "neither help nor harm is shown")],
)
def test_each_verdict_is_told_in_words(tmp_path: Path, verdict: str, said: str) -> None:
    assert said in page(tmp_path, verdict=verdict)


LABELS = (Label(5, 0.6, 0.1, -0.01, 0.2, True), Label(2, 0.2, -0.3, -0.4, -0.2, False))


def test_labels_and_further_samples_have_their_parts_where_they_were_measured(tmp_path: Path) -> None:
    bare = page(tmp_path)
    assert "Labels saved" not in bare and "networks on other samples" not in bare
    also = (Measured("corrupted, test", 8, 0.5, 0.75, -0.25, -0.4, -0.1, "negative transfer"),)
    found = page(tmp_path, labels=LABELS, all_labels=10, also=also)
    assert "With 5 labels of each class transfer is shown to be no worse than scratch with all of" in found
    assert "-1.0" in found.replace("−", "-") and "not shown" in found
    assert "corrupted, test (8)" in found and "negative transfer" in found


def test_calibrated_arms_have_their_part(tmp_path: Path) -> None:
    assert "What the probabilities are worth" not in page(tmp_path)
    arm = replace(RESULT.transfer, calibration=Calibration((1.5, 2.0), 0.125, 0.0625))
    found = page(tmp_path, transfer=arm, scratch=replace(arm, name="scratch"))
    for said in ("What the probabilities are worth", "12.5", "6.2", "1.50, 2.00"):
        assert said in found


def test_what_was_never_reached_is_a_dash(tmp_path: Path) -> None:
    assert "0 of 1 pre-trained runs reached it" in page(tmp_path)


def test_the_interval_of_one_seed_claims_nothing_of_others(tmp_path: Path) -> None:
    assert "says nothing of other seeds: 1 seed, 10 samples" in page(tmp_path)
    assert "for other seeds and other samples of the same kind: 2 seeds" in page(tmp_path, seeds=(0, 1))


def test_numbers_are_told_in_their_unit(tmp_path: Path) -> None:
    found = page(tmp_path, figure="mae", higher=False, majority=None, gain=1.5)
    assert "+1.500" in found and "points" not in found
    assert "Mean absolute error of the same network from random values minus that of the pre-trained" in found
    assert "Accuracy of the pre-trained network minus that of the same network from random" in page(tmp_path)


def test_a_terminal_hears_the_same() -> None:
    lines = [line.replace("\u00a0", " ") for line in result_lines(result(warnings=("so few",)))]
    assert lines[0].startswith(
        "verdict  positive transfer: 25.0 points, 95 % interval 10.0 points to 40.0 points"
    )
    assert lines[-1] == "so few"


def test_corrupted_images_have_a_part_of_the_page_and_a_line_with_their_mean(tmp_path: Path) -> None:
    each = Measured("gaussian_noise", 8, 0.5, 0.75, -0.25, -0.4, -0.1, "negative transfer")
    mean = Measured("mean", 8, 0.5, 0.75, -0.125, -0.4, -0.1, "negative transfer")
    found = Corruptions(2, (each, each, replace(each, name="saturate")), mean, ("saturate",))
    text = page(tmp_path, corrupted=found)
    assert "The same networks on corrupted images" in text and "gaussian noise" in text
    assert "on corrupted images" not in page(tmp_path)
    line = result_lines(result(corrupted=found, warnings=("so few",)))[-2].replace("\u00a0", " ")
    assert line.replace("\u2212", "-") == (
        "on corrupted images (mean of 2, severity 2): negative transfer: -12.5 points, "
        "95 % interval -40.0 points to -10.0 points"
    )
    assert not any("corrupted" in line for line in result_lines(result()))


def test_without_a_result_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        write_page(tmp_path)
