import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.errors import ConfigError
from tlx.functional.crossed_interval import crossed_interval
from tlx.inference import worth_of_each
from tlx.protocols.lr import Cell, Lr, LrResult, StageGain, _gain
from tlx.protocols.plain import typed
from tlx.trainer import TrainerSettings
from tlx.verbs.protocol import answer
from tlx.verbs.question import prepared

SMALL = (
    "data.val_fraction=0.06",
    "data.test_fraction=0.06",
    "data.per_class=3",
    "strategy=partial",
    "strategy.epochs=1",
    "trainer=cpu",
    "trainer.limit_val_batches=2",
    "cache=none",
    "lr.steps=12",
)
CPU = TrainerSettings(accelerator="cpu")
SWEPT = "lr.factors=[1,3]"


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LrResult]:
    folder = tmp_path_factory.mktemp("lr") / "answer"
    return folder, answer(folder, "lr", compose("lr", [*SMALL, SWEPT]))


@pytest.fixture(scope="module")
def rescaled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LrResult]:
    folder = tmp_path_factory.mktemp("lr") / "rescaled"
    words = [
        SWEPT,
        "rate_scale=2",
        "stage_rates={layer3: 10}",
        "lr.seeds=2",
        "trainer.limit_val_batches=null",
    ]
    return folder, answer(folder, "lr", compose("lr", [*SMALL, *words]))


def test_every_stage_that_trains_is_tried_frozen_and_at_every_factor(answered: Any) -> None:
    folder, found = answered
    assert [(cell.stage, cell.factor) for cell in found.cells] == [
        ("layer3", 0.0),
        ("layer3", 1.0),
        ("layer3", 3.0),
    ]
    for cell, name in zip(found.cells, ("layer3-0", "plan", "layer3-3"), strict=True):
        summary = json.loads((folder / "runs" / name / "rate1-seed0" / "summary.json").read_text())
        assert cell.values == (summary["val/accuracy"],)
    assert found.base == found.cells[1].mean
    plan = json.loads((folder / "runs" / "layer3-3" / "rate1-seed0" / "plan.json").read_text())
    base = json.loads((folder / "runs" / "plan" / "rate1-seed0" / "plan.json").read_text())
    rates = [each["phases"][0]["trains"] for each in (plan, base)]
    assert rates[0]["layer3"] == pytest.approx(3 * rates[1]["layer3"])
    assert rates[0]["head"] == rates[1]["head"]
    frozen = json.loads((folder / "runs" / "layer3-0" / "rate1-seed0" / "plan.json").read_text())
    assert set(frozen["phases"][0]["trains"]) == {"head"}


def test_the_gain_of_a_stage_is_its_best_figure_over_that_of_it_frozen(answered: Any) -> None:
    _, found = answered
    frozen, *trained = found.cells
    assert found.gains[0].gain == pytest.approx(max(cell.mean for cell in trained) - frozen.mean)
    assert found.gains[0].low is None


def test_a_factor_multiplies_the_rates_as_they_are_given(rescaled: Any) -> None:
    folder, found = rescaled
    rates = {}
    for name in ("plan", "layer3-3"):
        plan = json.loads((folder / "runs" / name / "rate2-seed0" / "plan.json").read_text())
        rates[name] = plan["phases"][0]["trains"]
    assert rates["layer3-3"]["layer3"] == pytest.approx(3 * rates["plan"]["layer3"])
    assert rates["layer3-3"]["head"] == rates["plan"]["head"]
    assert found.cells[1].mean == found.base
    assert (found.rate_scale, found.stage_rates) == (2.0, {"layer3": 10.0})
    assert found.found is not None and found.found.rates == rates["plan"]


def test_a_wish_for_no_sweep_trains_nothing(tmp_path: Path) -> None:
    found: LrResult = answer(tmp_path / "range", "lr", compose("lr", [*SMALL, "lr.stages=[]"]))
    assert not (tmp_path / "range" / "runs").exists()
    assert found.found is not None and not found.cells


def test_the_range_alone_is_asked_of_a_task_that_selects_by_another_figure(tmp_path: Path) -> None:
    for number in range(12):
        Image.new("L", (32, 32), 9 * number).save(tmp_path / f"{number}.png")
    rows = "".join(f"{number}.png,{number / 10}\n" for number in range(12))
    (tmp_path / "table.csv").write_text(f"image,label\n{rows}")
    words = ["task=regression", "data=image_csv", f"data.file={tmp_path / 'table.csv'}", "lr.stages=[]"]
    composed = compose("lr", [*words, "trainer=cpu", "cache=none"])
    assert callable(prepared(tmp_path / "one", "lr", composed))
    composed.config["monitor"] = "val/r2"
    with pytest.raises(ConfigError, match="nothing would read monitor"):
        prepared(tmp_path / "one", "lr", composed)


def test_the_answer_can_be_read_back_and_shown(answered: Any) -> None:
    folder, found = answered
    again = typed(LrResult, json.loads((folder / "result.json").read_text()))
    assert again == found
    page = (folder / "report.html").read_text()
    assert "layer3" in page and "One seed" in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lr.stages=[layer9]"], "layer9.*layer3"),
        (["lr.phase=2"], "lr.phase"),
        (["lr.low=2", "lr.high=1"], "low, high"),
        (["strategy=feature_extraction", "lr.find=false", "lr.steps=100"], "trains no stage.*strategy=full"),
        (["lr.find=false", "lr.stages=[]"], "nothing is asked.*lr.find=true"),
        (["lr.find=false"], "nothing would read lr.steps.*lr.find=true"),
        (["lr.stages=[]", SWEPT], "nothing would read lr.factors"),
        (["lr.stages=[]", "lr.seeds=2"], "nothing would read lr.seeds"),
        (["lr.stages=[]", "regularizer=l2sp"], "nothing would read regularizer"),
        (["lr.stages=[]", "monitor=val/loss"], "nothing would read monitor"),
    ],
)
def test_what_cannot_be_varied_is_refused(tmp_path: Path, words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        answer(tmp_path / "wrong", "lr", compose("lr", [*SMALL, *words]))


@pytest.mark.parametrize("settings", [{"factors": [0.0]}, {"factors": [1.0, 1.0]}, {"seeds": 0}])
def test_settings_out_of_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="lr\\."):
        Lr(**settings)


@pytest.mark.parametrize(("figure", "factor", "gain"), [("accuracy", 10.0, 0.4), ("mae", 0.1, 0.2)])
def test_less_of_an_error_is_a_gain_of_a_stage(figure: str, factor: float, gain: float) -> None:
    values = {0.0: (0.5, 0.5), 0.1: (0.3, 0.3), 10.0: (0.9, 0.9)}
    cells = [Cell("top", each, sum(of) / 2, of) for each, of in values.items()]
    found = _gain(cells, "top", f"val/{figure}")
    assert (found.factor, found.gain) == (factor, pytest.approx(gain))


@pytest.mark.parametrize("figure", ["val/accuracy", "val/f1"])
def test_seeds_that_all_say_the_same_do_not_make_a_gain_certain(figure: str) -> None:
    cells = [Cell("top", 0.0, 0.5, (0.5, 0.5)), Cell("top", 1.0, 0.75, (0.75, 0.75))]
    found = _gain(cells, "top", figure)
    assert (found.gain, found.low, found.high) == (0.25, None, None)


def one_more_right_of(samples: int) -> StageGain:
    frozen = torch.zeros(2, samples, dtype=torch.float64)
    trained = frozen.clone()
    trained[0, 0] = trained[1, 1] = 1.0
    tables = {0.0: frozen, 1.0: trained}
    cells = [Cell("top", f, float(t.mean()), tuple(t.mean(1).tolist())) for f, t in tables.items()]
    return _gain(cells, "top", "val/accuracy", lambda factor: tables[factor])


def test_one_sample_of_each_seed_is_not_shown_to_be_a_gain() -> None:
    found = one_more_right_of(359)
    assert found.gain == pytest.approx(1 / 359)
    assert found.low is not None and found.high is not None
    assert found.low < 0 < found.gain < found.high
    said = LrResult(None, "val/accuracy", True, 0.0, (0, 1), (), (found,), (), 1.0, {})
    assert said.texts() == {"best/stage": "none shown"}


def test_the_interval_of_a_gain_is_that_over_seeds_and_validation_samples(rescaled: Any) -> None:
    folder, found = rescaled
    data = make_job(compose("fit", list(SMALL[:3])).config).data
    best = found.gains[0].factor
    names = {0.0: "layer3-0", 1.0: "plan", 3.0: "layer3-3"}
    tables = [
        torch.stack(
            [
                worth_of_each(folder / "runs" / names[factor] / f"rate2-seed{seed}", data, CPU, "val")
                for seed in (0, 1)
            ]
        )
        for factor in (best, 0.0)
    ]
    assert found.gains[0].gain == pytest.approx(float((tables[0] - tables[1]).mean()))
    interval = found.gains[0].low, found.gains[0].high
    assert interval == pytest.approx(crossed_interval(tables[0] - tables[1], reach=1.0))
