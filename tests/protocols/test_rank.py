import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.errors import ConfigError
from tlx.functional.h_score import regularized_h_score
from tlx.functional.leep import leep
from tlx.functional.logme import logme
from tlx.functional.nce import nce
from tlx.probing.linear_probe import Labelled, linear_probe
from tlx.protocols.plain import typed
from tlx.protocols.rank import Rank
from tlx.protocols.results.rank import RankResult
from tlx.verbs.protocol import answer

SMALL = ("data.val_fraction=0.06", "data.test_fraction=0.06", "data.per_class=8", "cache=none", "trainer=cpu")
RANDOM = "rank.models=['model=tiny model.weights=null']"


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RankResult]:
    folder = tmp_path_factory.mktemp("rank") / "answer"
    return folder, answer(folder, "rank", compose("rank", [*SMALL, RANDOM]))


def test_weights_that_know_letters_come_before_random_ones_for_digits(answered: Any) -> None:
    _, found = answered
    assert found.best == "tiny" == found.candidates[0].name
    known, random = found.candidates
    assert random.name == "model=tiny model.weights=null"
    assert known.logme > random.logme and known.neighbours > random.neighbours
    assert known.probe > random.probe > 0.1
    assert any("random values" in line for line in found.warnings)


def test_every_score_is_that_of_the_features_and_the_original_head(answered: Any) -> None:
    _, found = answered
    job = make_job(compose("fit", [*SMALL]).config)
    backbone, data = job.backbone.eval(), job.data
    data.preprocessing = backbone.preprocessing
    split = data.splits.train
    inputs, labels = data.first(split, len(split)), torch.from_numpy(split.labels)
    with torch.no_grad():
        features, original = backbone(inputs), backbone.original_logits(inputs)
    best = found.candidates[0]
    assert found.samples == len(split) == 80
    assert best.logme == pytest.approx(logme(features, labels).score, abs=1e-5)
    assert best.h_score == pytest.approx(regularized_h_score(features, labels).score, abs=1e-4)
    assert best.leep == pytest.approx(leep(original.double().softmax(1), labels), abs=1e-5)
    assert best.nce == pytest.approx(nce(original.argmax(1), labels))
    shares = []
    for share in job.data.splits[:3]:
        with torch.no_grad():
            rows = backbone(data.first(share, len(share)))
        shares.append(Labelled(rows, torch.from_numpy(share.labels)))
    assert best.probe == pytest.approx(linear_probe(*shares, refit=False).accuracy, abs=1e-6)
    assert (found.reported_on, found.reported, found.chosen_on) == ("test", len(data.splits.test), "val")
    assert best.dimensions == 128 and best.parameters == sum(p.numel() for p in backbone.net.parameters())
    assert best.seconds > 0 and best.layer_bytes > 4 * 32 * 32


def test_weights_without_a_head_have_no_score_by_its_classes(answered: Any) -> None:
    assert answered[1].candidates[1].leep is None


def test_of_two_candidates_fine_tuning_is_told_and_no_agreement_with_it(tmp_path: Path) -> None:
    words = [*SMALL, RANDOM, "rank.finetune=true", "strategy=feature_extraction", "strategy.epochs=2"]
    words += ["rate_scale=0.5"]
    found: RankResult = answer(tmp_path / "one", "rank", compose("rank", [*words, "data.per_class=4"]))
    assert found.figure == "val/accuracy"
    tuned = [each.finetuned for each in found.candidates]
    assert tuned[0] > tuned[1]  # type: ignore[operator]
    assert found.agreement == ()
    assert "2 candidates are in one order by chance in 1 of 2 cases" in found.warnings[-1]
    run = tmp_path / "one" / "runs" / "tiny" / "rate0.5-seed0" / "summary.json"
    assert json.loads(run.read_text())["val/accuracy"] == tuned[0]


def test_the_answer_can_be_read_back(answered: Any) -> None:
    folder, found = answered
    assert typed(RankResult, json.loads((folder / "result.json").read_text())) == found


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "one candidate cannot be ranked.*rank.models"),
        (["rank.models=[tiny]"], "one candidate cannot be ranked"),
        (["rank.models=['data=digits']"], "data=digits"),
        (["rank.models=[no_such_model]"], "no_such_model"),
        ([RANDOM, "task=multilabel"], "task=multiclass"),
        ([RANDOM, "strategy=fine_tune"], "nothing would read strategy.*rank.finetune=true"),
        ([RANDOM, "rate_scale=0.3"], "nothing would read rate_scale"),
        ([RANDOM, "rank.seeds=3"], "nothing would read rank.seeds"),
    ],
)
def test_what_cannot_be_ranked_is_refused(tmp_path: Path, words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        answer(tmp_path / "wrong", "rank", compose("rank", [*SMALL, *words]))
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize("settings", [{"samples": 1}, {"seeds": 0}, {"models": [3]}])
def test_settings_out_of_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="rank\\."):
        Rank(**settings)
