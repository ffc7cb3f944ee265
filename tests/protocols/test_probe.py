import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.errors import ConfigError
from tlx.probing.linear_probe import Labelled, linear_probe
from tlx.protocols.given import Given
from tlx.protocols.plain import typed
from tlx.protocols.probe import Probe, ProbeResult
from tlx.protocols.rank import Rank
from tlx.verbs.makers import makers
from tlx.verbs.protocol import answer

SMALL = ("cache=none", "trainer=cpu", "probe.samples=120", "probe.per_decade=1")


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ProbeResult]:
    folder = tmp_path_factory.mktemp("probe") / "answer"
    return folder, answer(folder, "probe", compose("probe", [*SMALL]))


def test_a_stage_further_up_tells_digits_apart_better_than_the_first(answered: Any) -> None:
    _, found = answered
    assert [stage.name for stage in found.stages] == ["stem", "layer1", "layer2", "layer3"]
    first, *_, last = found.stages
    assert last.low > first.high
    assert found.best == max(found.stages, key=lambda stage: stage.choosing).name
    assert 0 < found.majority < first.accuracy
    assert (found.reported_on, found.chosen_on) == ("test", "val")


def test_every_probe_is_fitted_to_train_chosen_on_val_and_told_of_test(tmp_path: Path) -> None:
    words = ["cache=none", "trainer=cpu", "probe.per_decade=1", "data.per_class=10", "probe.stages=[layer3]"]
    found: ProbeResult = answer(tmp_path / "last", "probe", compose("probe", words))
    job = make_job(compose("fit", ["data.per_class=10"]).config)
    backbone = job.backbone.eval()
    job.data.preprocessing = backbone.preprocessing
    shares = []
    for split in job.data.splits[:3]:
        with torch.no_grad():
            features = backbone(job.data.first(split, len(split)))
        shares.append(Labelled(features, torch.from_numpy(split.labels)))
    expected = linear_probe(*shares, refit=False, per_decade=1)
    (stage,) = found.stages
    assert stage.accuracy == pytest.approx(expected.accuracy, abs=1e-6)
    assert stage.strength == expected.strength
    assert stage.choosing == max(p.accuracy for p in expected.curve if p.strength == expected.strength)
    assert (stage.low, stage.high) == pytest.approx((expected.low, expected.high))
    assert (found.fitted, found.chosen, found.reported) == tuple(len(share.labels) for share in shares)


def test_the_commonest_class_of_as_many_labels_of_each_is_that_of_all_labels(tmp_path: Path) -> None:
    data = ["data=by_classes", "data@data.of=digits", "data.classes=['8','3']"]
    words = ["cache=none", "trainer=cpu", "probe.per_decade=1", "data.per_class=3", "probe.stages=[layer3]"]
    found: ProbeResult = answer(tmp_path / "drawn", "probe", compose("probe", [*data, *words]))
    splits = make_job(compose("fit", data).config).data.splits
    assert splits.test is not None
    assert found.majority == (splits.test.labels == np.bincount(splits.train.labels).argmax()).mean()


def test_what_was_read_to_rank_models_is_neither_read_nor_fitted_again(tmp_path: Path) -> None:
    config = compose("fit", ["cache=none", "trainer=cpu", "data.per_class=10"]).config
    given = Given(config, tmp_path, makers((), quiet=True), lambda line: None)
    _, read = Rank(samples=120).scored(given)
    found = Probe(samples=120).told(read, given.say)
    assert [part.name for part, _ in read.features.making.passes] == ["train", "val", "test"]
    assert found == Probe(samples=120).answer(given)
    wrong = read.probes["layer3"]._replace(accuracy=0.125)
    told = Probe(samples=120).told(replace(read, probes={"layer3": wrong}), given.say)
    assert told.stages[-1].accuracy == 0.125


def test_the_answer_can_be_read_back_and_shown(answered: Any) -> None:
    folder, found = answered
    assert typed(ProbeResult, json.loads((folder / "result.json").read_text())) == found
    page = (folder / "report.html").read_text()
    assert "layer3" in page and "never on the reported ones" in page


def test_a_finished_run_can_be_probed(tmp_path: Path) -> None:
    import tlx

    words = {"data__per_class": 2, "strategy__epochs": 1, "trainer": "smoke", "page": False}
    run = tlx.fit("tiny", "digits", "full", run_dir=str(tmp_path / "run"), **words)["run_dir"]
    asked = [*SMALL, f"init_from={run}", "probe.stages=[layer3]"]
    found: ProbeResult = answer(tmp_path / "of_run", "probe", compose("probe", asked))
    fresh: ProbeResult = answer(
        tmp_path / "fresh", "probe", compose("probe", [*SMALL, "probe.stages=[layer3]"])
    )
    assert found.stages != fresh.stages


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["probe.stages=[layer9]"], "layer9.*layer3"),
        (["probe.stages=[]"], "stage"),
        (["strategy=full"], "strategy"),
        (["task=regression"], "task"),
    ],
)
def test_what_a_probe_does_not_read_or_cannot_find_is_refused(
    tmp_path: Path, words: list[str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        answer(tmp_path / "wrong", "probe", compose("probe", [*SMALL, *words]))


@pytest.mark.parametrize(
    "settings", [{"samples": 1}, {"neighbours": 0}, {"per_decade": 0}, {"search": "random"}]
)
def test_settings_out_of_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="probe\\."):
        Probe(**settings)


def test_the_best_stage_is_chosen_by_what_is_not_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The lowest stage wins on what chooses, a higher one on what is reported."""
    own = Probe._probed

    def probed(self: Probe, stage: str, *shares: Any) -> Any:
        return replace(own(self, stage, *shares), choosing=1.0 if stage == "stem" else 0.5)

    monkeypatch.setattr(Probe, "_probed", probed)
    found: ProbeResult = answer(tmp_path / "chosen", "probe", compose("probe", [*SMALL]))
    assert found.best == "stem"
    assert found.figures()["test/probe_accuracy"] == found.stages[0].accuracy < found.stages[-1].accuracy
