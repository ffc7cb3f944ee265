import contextlib
import io
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import tlx
from tlx.composition.compose import compose
from tlx.errors import ConfigError, TlxError
from tlx.protocols.advise import Advise
from tlx.protocols.plain import typed
from tlx.protocols.results.advise import AdviseResult
from tlx.verbs.protocol import answer, resume_answer

SMALL = (
    "data.val_fraction=0.06",
    "data.test_fraction=0.06",
    "cache=none",
    "trainer=cpu",
    "data.per_class=10",
    "advise.rates=[1,3]",
    "advise.budget=1000",
)
HEAD = "strategy=feature_extraction strategy.epochs=4"
FAR = ("data@source=digits", "source.per_class=10")
ENTRIES = f"advise.strategies=['{HEAD}','strategy=scratch strategy.epochs=2']"


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AdviseResult]:
    folder = tmp_path_factory.mktemp("advise") / "answer"
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        found = answer(folder, "advise", compose("advise", [*SMALL, ENTRIES]))
    (folder / "said.txt").write_text(said.getvalue())
    return folder, found


def test_of_each_sample_the_features_are_read_once(answered: Any) -> None:
    folder, _ = answered
    lines = (folder / "said.txt").read_text().splitlines()
    passes = [line.partition(" computed once")[0] for line in lines if "computed once" in line]
    assert passes == [f"frozen part of {part}" for part in ("train", "train (held out)", "val", "test")]


def test_known_letters_are_kept_for_few_digits(answered: Any) -> None:
    _, found = answered
    assert found.strategy == HEAD
    assert (found.recommended_model, found.regularizer, found.trained_on) == ("tiny", "none", 100)
    assert [guide.strategy for guide in found.guides] == ["strategy=feature_extraction"] * 2
    assert found.entrants[0].accuracy == max(each.accuracy for each in found.entrants)
    assert found.risk.verdict == "positive transfer"
    assert found.risk.low > 0.01


def test_its_words_compose_the_recommended_run_in_full(answered: Any) -> None:
    _, found = answered
    config = compose("fit", list(found.words)).config
    assert config["strategy"]["_target_"].endswith("feature_extraction")
    assert config["strategy"]["epochs"] == 4
    assert config["trainer"]["limit_epochs"] is None
    assert (config["rate_scale"], config["data"]["per_class"]) == (found.rate_scale, 10)


def test_nothing_is_decided_on_the_test_split(answered: Any) -> None:
    _, found = answered
    assert (found.probe.reported_on, found.probe.reported) == ("val", found.target.val)
    assert found.probe.chosen_on == "a fifth of train, held out"


def test_every_run_stands_with_its_interval_and_those_of_its_length_beside_the_winner(answered: Any) -> None:
    folder, found = answered
    for each in found.entrants:
        assert each.low < each.accuracy < each.high
        assert (each.behind is None) == (each.limit != found.entrants[0].limit)
    assert found.entrants[0].behind == 0
    runs = list((folder / "runs").glob("*/*/summary.json"))
    assert len(runs) == len(found.entrants)


def test_the_answer_can_be_read_back_shown_and_gone_on_with(answered: Any, capsys: Any) -> None:
    folder, found = answered
    assert typed(AdviseResult, json.loads((folder / "result.json").read_text())) == found
    assert "feature extraction" in (folder / "report.html").read_text()
    before = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("summary.json")}
    (folder / "result.json").unlink()
    resume_answer(folder, "advise")
    assert {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("summary.json")} == before
    assert typed(AdviseResult, json.loads((folder / "result.json").read_text())).entrants == found.entrants
    assert shlex.join(["tlx", "fit", *found.words]) in capsys.readouterr().out


def test_only_the_first_run_is_made_where_there_is_no_time_and_of_many_samples_a_share_is_read(
    tmp_path: Path,
) -> None:
    words = [*SMALL, "data.per_class=null", "advise.budget=0.001", "advise.samples=60"]
    found: AdviseResult = answer(tmp_path / "hasty", "advise", compose("advise", words))
    assert [each.name for each in found.entrants] == ["strategy=feature_extraction"]
    assert 50 <= found.trained_on <= 70
    assert found.risk is None
    assert any(f"trained on {found.trained_on} of 1,5" in line for line in found.warnings)
    assert any("had no room for strategy=" in line for line in found.warnings)
    config = compose("fit", list(found.words)).config
    assert (config["data"]["_target_"], config["data"]["per_class"]) == ("tlx.data.digits.Digits", None)


def test_a_source_whose_classes_the_weights_do_not_know_is_measured_and_held_to_by_no_run(
    tmp_path: Path,
) -> None:
    words = [*SMALL, "advise.budget=0.001", "data@source=digits", "source.per_class=10"]
    found: AdviseResult = answer(tmp_path / "far", "advise", compose("advise", words))
    assert found.distance is not None
    assert len(found.entrants) == 1
    assert not any("source" in word for word in found.words)


def test_weights_that_know_nothing_are_held_to_by_no_run(tmp_path: Path) -> None:
    one = "advise.strategies=['strategy=full strategy.epochs=1']"
    words = [*SMALL, "model=mlp", one, "advise.rates=[1]"]
    found: AdviseResult = answer(tmp_path / "random", "advise", compose("advise", words))
    assert [each.name for each in found.entrants] == ["strategy=full strategy.epochs=1"]
    assert found.regularizer == "none"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task=multilabel"], "task=multiclass"),
        (["advise.strategies=[ful]"], "ful"),
        (["advise.strategies=['model=tiny']"], "model=tiny"),
        (["advise.models=[resnet]"], "resnet"),
        (["advise.regularizers=[ewk]"], "ewk"),
        (
            ["advise.regularizers=[l2sp,replay]"],
            "there is no source.*Try: data@source=.*regularizer=lwf",
        ),
        (["advise.regularizers=[replay]", *FAR], "source classes are none that the weights know"),
    ],
)
def test_what_cannot_take_part_is_refused(tmp_path: Path, words: list[str], said: str) -> None:
    with pytest.raises(TlxError, match=said):
        answer(tmp_path / "wrong", "advise", compose("advise", [*SMALL, *words]))
    assert not (tmp_path / "wrong").exists()


def test_a_regularizer_that_asks_the_original_head_is_refused_where_the_weights_have_none(
    tmp_path: Path,
) -> None:
    words = {"data__per_class": 2, "strategy__epochs": 1, "trainer": "smoke", "page": False}
    run = tlx.fit("tiny", "digits", "full", run_dir=str(tmp_path / "run"), **words)["run_dir"]
    asked = compose("advise", [*SMALL, f"init_from={run}", "advise.regularizers=[ewc]"])
    with pytest.raises(ConfigError, match="came without their original head.*Try: regularizer=l2sp"):
        answer(tmp_path / "wrong", "advise", asked)
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize(
    "settings", [{"budget": 0}, {"samples": 1}, {"rates": [0.0]}, {"margin": -0.1}, {"strategies": []}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"advise.{next(iter(settings))}"):
        Advise(**settings)
