import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tlx.composition.compose import Composed, compose
from tlx.composition.job import make_job
from tlx.data.corrupted import Corrupted
from tlx.errors import ConfigError, DataError
from tlx.functional.crossed_interval import crossed_interval
from tlx.inference import worth_of_each
from tlx.protocols.comparison.measured import compared, verdict_of
from tlx.protocols.gain import Gain
from tlx.protocols.given import Given, Makers
from tlx.protocols.plain import plain, typed
from tlx.protocols.results.gain import GainResult
from tlx.verbs.makers import makers as makers_of
from tlx.verbs.protocol import answer
from tlx.verbs.question import prepared

SMALL = (
    "data.per_class=4",
    "strategy=feature_extraction",
    "strategy.epochs=2",
    "gain.seeds=2",
    "gain.rates=[0.1,1]",
    "gain.halvings=1",
    "gain.corruptions=[contrast,saturate]",
    "gain.severity=1",
    "trainer=cpu",
    "cache=none",
    "data.val_fraction=0.06",
    "data.test_fraction=0.06",
)


SMALL_ALSO = ("also.val_fraction=0.06", "also.test_fraction=0.06")


def asked(folder: Path, *more: str) -> tuple[GainResult, Composed]:
    composed = compose("gain", [*SMALL, *more])
    found: GainResult = answer(folder, "gain", composed)
    return found, composed


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, GainResult, Composed]:
    folder = tmp_path_factory.mktemp("gain") / "answer"
    return folder, *asked(folder)


def test_knowing_letters_helps_with_digits_and_the_interval_is_that_of_every_pair(answered: Any) -> None:
    folder, found, composed = answered
    assert found.verdict == "positive transfer" == verdict_of(found.low, found.high, found.margin)
    tables = []
    for arm in (found.transfer, found.scratch):
        runs = [folder / "runs" / arm.name / f"rate{arm.rate:g}-seed{seed}" for seed in (0, 1)]
        data, trainer = makers(composed)
        tables.append(torch.stack([worth_of_each(run, data, trainer) for run in runs]))
        said = [json.loads((run / "summary.json").read_text())["test/accuracy"] for run in runs]
        assert arm.values == pytest.approx(said)
    assert found.gain == pytest.approx(float((tables[0] - tables[1]).mean()))
    assert (found.low, found.high) == pytest.approx(crossed_interval(tables[0] - tables[1], reach=1.0))


def makers(composed: Composed) -> Any:
    job = make_job(composed.config)
    return job.data, job.trainer


def test_both_arms_have_the_same_budget_and_grid_and_take_their_best_rate(answered: Any) -> None:
    folder, found, _ = answered
    for arm in (found.transfer, found.scratch):
        assert set(arm.rates) == {"0.1", "1"}
        best = max(arm.rates, key=lambda rate: arm.rates[rate])
        assert arm.rate == float(best)
        assert arm.epochs == (2, 2)
        assert {path.name for path in (folder / "runs" / arm.name).glob("rate*seed0")} == {
            "rate0.1-seed0",
            "rate1-seed0",
        }
        assert len([*(folder / "runs" / arm.name).glob("rate*seed1")]) == 1


def test_what_was_saved_is_read_off_the_curves(answered: Any) -> None:
    folder, found, _ = answered
    saved, scratch = found.saved, found.scratch
    rows = [
        (folder / "runs" / "scratch" / f"rate{scratch.rate:g}-seed{seed}" / "metrics.csv").read_text()
        for seed in (0, 1)
    ]
    place = rows[0].splitlines()[0].split(",").index("val/accuracy")
    curves = [[float(line.split(",")[place]) for line in row.splitlines()[1:]] for row in rows]
    assert saved.target == pytest.approx(sum(max(curve) for curve in curves) / 2)
    assert saved.scratch_epochs == sum(curve.index(max(curve)) + 1 for curve in curves) / 2
    assert saved.reached == 2
    assert saved.transfer_epochs is not None and saved.transfer_epochs <= saved.scratch_epochs
    assert saved.transfer_flops is not None and saved.transfer_flops < saved.scratch_flops


def test_probabilities_are_calibrated_on_other_samples_than_are_reported(answered: Any) -> None:
    folder, found, _ = answered
    for arm in (found.transfer, found.scratch):
        runs = [folder / "runs" / arm.name / f"rate{arm.rate:g}-seed{seed}" for seed in (0, 1)]
        said = [json.loads((run / "summary.json").read_text()) for run in runs]
        assert arm.calibration.temperatures == tuple(each["val/temperature"] for each in said)
        errors = [each["test/calibration_error_calibrated"] for each in said]
        assert arm.calibration.calibrated == pytest.approx(sum(errors) / 2)


def test_what_costs_nothing_stands_beside_it(answered: Any) -> None:
    _, found, composed = answered
    data, _ = makers(composed)
    labels = data.splits.test.labels
    assert found.majority == pytest.approx(max(np.bincount(labels)) / len(labels), abs=0.01)
    assert found.neighbours is not None
    assert found.majority < found.neighbours < 1


def test_labels_are_halved_while_transfer_is_as_good_as_scratch_with_all(answered: Any) -> None:
    _, found, _ = answered
    assert found.all_labels == 4
    assert [each.per_class for each in found.labels] == [2]
    fewer = found.labels[0]
    assert fewer.gain == pytest.approx(fewer.mean - found.scratch.mean)
    assert fewer.low < fewer.gain < fewer.high and fewer.reaches == (fewer.low > -found.margin)


def test_the_same_networks_are_measured_on_corrupted_images_and_on_their_mean(answered: Any) -> None:
    folder, found, composed = answered
    worths = {}
    for name in ("contrast", "saturate"):
        for arm in (found.transfer, found.scratch):
            data, trainer = makers(composed)
            data.source = Corrupted(data.source, name, 1)
            runs = [folder / "runs" / arm.name / f"rate{arm.rate:g}-seed{seed}" for seed in (0, 1)]
            worths[name, arm.name] = torch.stack([worth_of_each(run, data, trainer) for run in runs])
    tables = {name: (worths[name, "transfer"], worths[name, "scratch"]) for name, _ in worths}
    corrupted = found.corrupted
    assert corrupted is not None
    assert corrupted.each == tuple(
        compared(name, *pair, "accuracy", margin=0.01) for name, pair in tables.items()
    )
    assert corrupted.mean == replace(corrupted.each[0], name="mean"), "the mean of those that change images"
    assert corrupted.each[0].transfer < found.transfer.mean, "digits of little contrast are harder to read"
    assert corrupted.unchanged == ("saturate",), "grey has no colours"
    assert corrupted.each[1].transfer == found.transfer.mean
    assert len([*(folder / "runs").glob("*/*")]) == 2 * 3 + 2, "nothing is trained for it"


def test_an_answer_that_was_cut_off_goes_on_to_the_same_figures(answered: Any, tmp_path: Path) -> None:
    folder, found, composed = answered
    copy = tmp_path / "answer"
    import shutil

    shutil.copytree(folder, copy)
    (copy / "result.json").unlink()
    for file in (copy / "corrupted").glob("*contrast*"):
        file.unlink()
    shutil.rmtree(copy / "runs" / "transfer" / f"rate{found.transfer.rate:g}-seed1")
    again: GainResult = answer(copy, "gain", composed)
    timeless = [
        replace(
            each,
            saved=replace(each.saved, transfer_seconds=None, scratch_seconds=0.0),
            transfer=replace(each.transfer, seconds=()),
            scratch=replace(each.scratch, seconds=()),
        )
        for each in (found, again)
    ]
    assert timeless[0] == timeless[1]


def test_the_answer_can_be_read_back(answered: Any) -> None:
    folder, found, _ = answered
    assert typed(GainResult, json.loads((folder / "result.json").read_text())) == typed(
        GainResult, plain(found)
    )
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["test/gain"] == found.gain
    assert summary["task"] == "gain"


def test_the_page_says_the_verdict_and_what_is_thin_about_it(answered: Any) -> None:
    folder, found, _ = answered
    page = (folder / "report.html").read_text()
    assert "positive transfer" in page
    assert "2 seeds: a demonstration" in page
    assert f"{100 * found.gain:.1f}" in page
    assert "The same networks on corrupted images" in page


def test_the_same_network_in_both_arms_has_no_gain(tmp_path: Path) -> None:
    words = [word for word in SMALL if not word.startswith(("gain", "strategy"))]
    config = compose("fit", [*words, "strategy=scratch", "strategy.epochs=1"]).config
    given = Given(config, tmp_path / "same", makers_of((), quiet=True), print)
    found = Gain(seeds=1, rates=[1.0], halvings=0).answer(given)
    assert (found.gain, found.verdict) == (0.0, "none shown")
    assert found.low == -found.high < 0, "few samples are no certainty"


def test_further_samples_that_were_trained_on_are_refused_and_others_have_a_line(tmp_path: Path) -> None:
    """The same digits, divided otherwise: most of those to be asked about are trained on here."""
    own = ["data@also=digits", "data.per_class=null", "data.split_seed=0"]
    with pytest.raises(DataError, match=r"\d+ of the \d+ samples of data@also \(digits, test\) are among"):
        asked(tmp_path / "seen", *own, "also.split_seed=1")
    composed = compose("gain", [*SMALL, *own, "also.split_seed=0", *SMALL_ALSO])
    prepared(tmp_path / "same", "gain", composed)  # the same test samples are nobody's


def test_a_strategy_that_forgets_all_has_nothing_to_transfer(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="strategy=scratch begins.*nothing is transferred.*Try: strategy=fine_tune"
    ):
        asked(tmp_path / "none", "strategy=scratch", "strategy.epochs=1")
    assert not (tmp_path / "none").exists()


def test_what_has_random_values_has_nothing_to_transfer(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to transfer"):
        asked(tmp_path / "none", "model.weights=null")
    assert not (tmp_path / "none" / "runs").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"seeds": 0}, "gain.seeds"),
        ({"rates": []}, "gain.rates"),
        ({"rates": [1.0, -1.0]}, "gain.rates"),
        ({"rates": [1.0, 1.0]}, "different"),
        ({"tuned_on": 6}, "gain.tuned_on"),
        ({"margin": -0.1}, "gain.margin"),
        ({"halvings": -1}, "gain.halvings"),
        ({"corruptions": ["foggy"]}, "no corruption 'foggy'"),
        ({"severity": 6}, "gain.severity"),
    ],
)
def test_settings_out_of_their_range_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Gain(**settings)


def test_corruptions_of_texts_are_refused_before_anything_trains(tmp_path: Path) -> None:
    config = compose("fit", ["trainer=cpu", "cache=none"]).config
    job = make_job(config)
    assert job.data.splits.test is not None
    job.data.source = SimpleNamespace(kind="text")  # type: ignore[assignment]  # all that is read of it
    makers = Makers(
        lambda run, of: None, lambda of: job, lambda node: job.data, (), lambda words: config, list
    )
    given = Given(config, tmp_path, makers, print)
    with pytest.raises(ConfigError, match=r"corruptions are of images, and the data is text.* Try"):
        Gain(corruptions=["contrast"]).check(given)


def test_arguments_that_scratch_does_not_take_are_refused(tmp_path: Path) -> None:
    said = "gain.scratch.*arguments of strategy=scratch: epochs, rate, schedule, warmup, patience$"
    for word in ("gain.scratch={epoch: 3}", "gain.scratch={_target_: tlx.strategies.full.full}"):
        with pytest.raises(ConfigError, match=said):
            asked(tmp_path / "wrong", word)


def test_rates_that_are_tuned_are_not_scaled_beside_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing would read rate_scale.*gain.rates"):
        asked(tmp_path / "wrong", "rate_scale=0.3")
    assert not (tmp_path / "wrong").exists()


def test_a_severity_without_a_corruption_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing would read gain.severity.*gain.corruptions="):
        asked(tmp_path / "wrong", "gain.corruptions=[]")
    assert not (tmp_path / "wrong").exists()


def test_labels_that_are_no_classes_are_not_halved(tmp_path: Path) -> None:
    for number in range(12):
        picture = Image.fromarray(np.full((32, 32), 9 * number, dtype=np.uint8))
        picture.save(tmp_path / f"{number}.png")
    rows = "".join(f"{number}.png,{number / 10}\n" for number in range(12))
    (tmp_path / "table.csv").write_text(f"image,label\n{rows}")
    words = [
        "task=regression",
        "data=image_csv",
        f"data.file={tmp_path / 'table.csv'}",
        "data.per_class=null",
    ]
    with pytest.raises(ConfigError, match="nothing would read gain.halvings.*gain.halvings=0"):
        asked(tmp_path / "wrong", *words)
    composed = compose("gain", [*SMALL, *words, "gain.halvings=0"])
    prepared(tmp_path / "right", "gain", composed)  # which refuses nothing
