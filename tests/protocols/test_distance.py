import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.errors import ConfigError
from tlx.functional.coral_distance import coral_distance
from tlx.functional.frechet import frechet_distance, frechet_warning
from tlx.functional.mmd import mmd_test
from tlx.functional.same_domain import beside_same_domain
from tlx.protocols.distance import Distance, DistanceResult, Domains
from tlx.protocols.plain import typed
from tlx.verbs.protocol import answer

FEW = ("cache=none", "trainer=cpu", "distance.samples=60", "distance.splits=4")
SMALL = (*FEW, "distance.permutations=99")
OTHERS = ("data@source=permuted", "source.of._target_=tlx.data.digits.Digits", "source.order_seed=1")


def measures(found: DistanceResult, stage: int = -1) -> dict[str, Any]:
    return {measure.name: measure for measure in found.stages[stage].measures}


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DistanceResult]:
    folder = tmp_path_factory.mktemp("distance") / "answer"
    return folder, answer(folder, "distance", compose("distance", [*SMALL, *OTHERS, "distance.stages=all"]))


def test_digits_with_their_pixels_in_another_order_are_far_and_every_distance_says_so(answered: Any) -> None:
    _, found = answered
    assert [stage.name for stage in found.stages] == ["stem", "layer1", "layer2", "layer3"]
    for name, measure in measures(found).items():
        assert measure.across > measure.within_high, name
        assert measure.low <= measure.value <= measure.high
    assert measures(found)["a_distance"].value > 1.9 and found.warnings == ()
    assert measures(found)["mmd"].p_value == pytest.approx(0.01)


def test_a_domain_from_itself_is_at_its_own_distance(tmp_path: Path) -> None:
    words = ["data@source=digits", "source.split_seed=3"]
    found: DistanceResult = answer(tmp_path / "same", "distance", compose("distance", [*SMALL, *words]))
    for name, measure in measures(found).items():
        assert measure.across < 2 * abs(measure.within) + 0.3, name
    assert measures(found)["mmd"].p_value > 0.05
    assert measures(found)["frechet"].warning is not None
    assert any("source samples are in the target too" in line for line in found.warnings)


def test_the_distances_are_those_of_the_features(tmp_path: Path) -> None:
    words = [*SMALL, *OTHERS, "distance.samples=10000"]
    found: DistanceResult = answer(tmp_path / "whole", "distance", compose("distance", words))
    job = make_job(compose("fit").config | compose("distance", words).config)
    backbone = job.backbone.eval()
    rows = []
    for data in (job.source, job.data):
        assert data is not None
        data.preprocessing = backbone.preprocessing
        split = data.splits.train
        with torch.no_grad():
            rows.append(backbone(data.first(split, len(split))))
    values = measures(found)
    assert values["frechet"].value == pytest.approx(frechet_distance(*rows), rel=1e-3)
    assert values["coral"].value == pytest.approx(coral_distance(*rows), rel=1e-3)
    assert values["mmd"].value == pytest.approx(mmd_test(*rows, 99).value, rel=1e-3)
    assert (found.source_samples, found.target_samples) == (len(rows[0]), len(rows[1]))


def test_the_fewest_samples_of_a_domain_are_enough_for_every_distance(tmp_path: Path) -> None:
    words = [*SMALL, "data@source=digits", "source.seed=1", "distance.samples=10", "distance.splits=2"]
    found: DistanceResult = answer(tmp_path / "few", "distance", compose("distance", words))
    assert (found.source_samples, found.target_samples) == (10, 10)
    assert set(measures(found)) == {"frechet", "kid", "mmd", "a_distance", "coral"}


def test_a_source_is_called_after_its_choice(tmp_path: Path) -> None:
    words = ["data@source=by_classes", "data@source.of=digits", "source.classes=['3','8']"]
    words += ["distance.samples=10", "distance.splits=2"]
    found: DistanceResult = answer(tmp_path / "few", "distance", compose("distance", [*SMALL, *words]))
    assert found.source == "by_classes"
    assert measures(found)["frechet"].low >= 0 and measures(found)["coral"].low >= 0


def test_an_interval_ends_where_no_distance_can_be_and_an_unbiased_one_may_be_negative() -> None:
    generator = torch.Generator().manual_seed(0)
    pair = Domains(*(torch.randn(40, 3, generator=generator) for _ in range(2)), None)
    near = {m.name: m for m in Distance(splits=2, permutations=9)._measures(pair, 0)}
    for name, distance in (("frechet", frechet_distance), ("coral", coral_distance)):
        assert beside_same_domain(pair.source, pair.target, distance, 2, 0).low < 0 == near[name].low
        assert near[name].value < near[name].high
    assert near["mmd"].low < 0 and -2 <= near["a_distance"].low < 0


def test_both_domains_are_as_small_as_their_few_shot_draws(tmp_path: Path) -> None:
    words = [*SMALL, "data.per_class=3", "data@source=digits", "source.per_class=2"]
    found: DistanceResult = answer(tmp_path / "few", "distance", compose("distance", words))
    assert (found.source_samples, found.target_samples) == (20, 30)


def test_of_a_run_alone_its_moments_are_far_from_other_data_and_near_its_own(tmp_path: Path) -> None:
    import tlx

    run = tmp_path / "run"
    tlx.fit(
        "tiny",
        "digits",
        "feature_extraction",
        strategy__epochs=1,
        page=False,
        trainer="cpu",
        run_dir=str(run),
    )
    trained = json.loads((run / "summary.json").read_text())["train/samples"]
    values = []
    for name, data in (
        ("own", []),
        ("other", ["data=permuted", "data.of._target_=tlx.data.digits.Digits", "data.order_seed=1"]),
    ):
        words = [*FEW, f"init_from={run}", *data]
        found: DistanceResult = answer(tmp_path / name, "distance", compose("distance", words))
        assert found.source_samples == trained and found.warnings
        assert set(measures(found)) == {"frechet", "coral"}
        assert measures(found)["frechet"].warning == frechet_warning(128, 60)
        values.append(measures(found)["frechet"].value)
    assert values[0] < values[1]
    file = run / "bundle" / "features.safetensors"
    kept = load_file(file)
    save_file({**kept, "count": torch.tensor(40.0)}, file)
    words = [*FEW, f"init_from={run}"]
    few: DistanceResult = answer(tmp_path / "few", "distance", compose("distance", words))
    assert few.source_samples == 40
    assert measures(few)["frechet"].warning == frechet_warning(128, 40)
    save_file({name: kept[name] for name in ("mean", "covariance")}, file)
    old: DistanceResult = answer(tmp_path / "old", "distance", compose("distance", words))
    assert old.source_samples is None
    assert "is not known" in str(measures(old)["frechet"].warning)
    assert measures(old)["coral"].value == measures(few)["coral"].value
    with pytest.raises(ConfigError, match="nothing would read distance.permutations.*data@source"):
        answer(tmp_path / "wrong", "distance", compose("distance", [*SMALL, f"init_from={run}"]))


def test_the_answer_can_be_read_back_and_shown(answered: Any) -> None:
    folder, found = answered
    assert typed(DistanceResult, json.loads((folder / "result.json").read_text())) == found
    assert "Proxy A-distance" in (folder / "report.html").read_text()
    assert json.loads((folder / "summary.json").read_text())["frechet"] == measures(found)["frechet"].value


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no source to be far from.*data@source"),
        ([*OTHERS, "distance.stages=[layer9]"], "layer9.*layer3"),
        ([*OTHERS, "trainer.devices=2"], "processes"),
    ],
)
def test_what_cannot_be_measured_is_refused(tmp_path: Path, words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        answer(tmp_path / "wrong", "distance", compose("distance", [*SMALL, *words]))


@pytest.mark.parametrize("settings", [{"samples": 9}, {"splits": 1}, {"permutations": 0}])
def test_settings_out_of_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="distance\\."):
        Distance(**settings)
