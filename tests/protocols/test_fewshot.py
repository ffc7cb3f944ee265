import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.composition.test_init_optimizer import trained
from tlx.cache.part import Part
from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.errors import ConfigError, DataError, TlxError
from tlx.functional.intervals import t_interval, wilson
from tlx.probing.linear_probe import Labelled, LinearProbe, linear_probe
from tlx.protocols.fewshot import Fewshot
from tlx.protocols.frozen import stage_features
from tlx.protocols.plain import typed
from tlx.protocols.results.fewshot import FewshotResult
from tlx.verbs.protocol import answer
from tlx.verbs.question import prepared

SMALL = ("data.val_fraction=0.06", "data.test_fraction=0.06", "cache=none", "trainer=cpu", "fewshot.seeds=2")
ARMS = 'fewshot.arms=[probe,"strategy=scratch strategy.epochs=1"]'


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FewshotResult]:
    folder = tmp_path_factory.mktemp("fewshot") / "answer"
    words = [*SMALL, ARMS, "fewshot.shots=[1,8]"]
    return folder, answer(folder, "fewshot", compose("fewshot", words))


def test_a_probe_of_known_features_needs_fewer_labels_than_scratch(answered: Any) -> None:
    _, found = answered
    probe, scratch = found.curves
    assert (probe.name, scratch.name) == ("probe", "strategy=scratch strategy.epochs=1")
    assert probe.area > scratch.area
    assert probe.points[1].mean > probe.points[0].mean > 0.2
    assert found.reported_on == "test"


def test_the_configs_own_strategy_is_an_arm(tmp_path: Path) -> None:
    words = [*SMALL, "fewshot.arms=[strategy]", "fewshot.shots=[2]", "strategy=feature_extraction"]
    asked = compose("fewshot", [*words, "strategy.epochs=1", "fewshot.seeds=1"])
    found: FewshotResult = answer(tmp_path / "own", "fewshot", asked)
    assert found.curves[0].name == "feature_extraction"
    assert found.warnings == ("1 seed: five or more make the bands worth reading.",)
    assert (tmp_path / "own" / "runs" / "feature_extraction" / "shots2-rate1-seed0").is_dir()


def test_what_an_optimizer_remembers_is_nothing_to_an_arm_from_scratch(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    words = ["fewshot.shots=[2]", f"init_from={run}", "init_optimizer=kept", "strategy=full"]
    composed = compose("fewshot", [*SMALL, *words])
    assert prepared(tmp_path / "answer", "fewshot", composed), "with its default arms"
    own = compose("fewshot", [*SMALL, *words[:-1], "strategy=scratch", "fewshot.arms=[strategy]"])
    with pytest.raises(ConfigError, match="nothing that is there already trains"):
        prepared(tmp_path / "answer", "fewshot", own)


def test_the_own_strategy_beside_the_same_at_its_defaults_has_runs_of_its_own(tmp_path: Path) -> None:
    words = [*SMALL, "fewshot.arms=[strategy,feature_extraction]", "fewshot.shots=[2]", "fewshot.seeds=1"]
    own = ["strategy=feature_extraction", "strategy.epochs=1"]
    found: FewshotResult = answer(tmp_path / "both", "fewshot", compose("fewshot", [*words, *own]))
    assert {curve.name for curve in found.curves} == {"feature_extraction as given", "feature_extraction"}
    epochs = {
        folder.name: json.loads((folder / "shots2-rate1-seed0" / "summary.json").read_text())["train/epochs"]
        for folder in (tmp_path / "both" / "runs").iterdir()
    }
    assert epochs["feature_extraction-as-given"] == 1 < epochs["feature_extraction"]
    with pytest.raises(ConfigError, match="one of strategy and feature_extraction, which are the same"):
        answer(tmp_path / "same", "fewshot", compose("fewshot", [*words, own[0]]))


def test_the_strength_of_a_probe_is_chosen_on_validation_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never on what is reported: the samples that choose are among those of val, by their features."""
    asked: list[tuple[Labelled, Labelled, Labelled]] = []

    def seen(train: Labelled, validation: Labelled, reported: Labelled, **settings: Any) -> LinearProbe:
        asked.append((train, validation, reported))
        return linear_probe(train, validation, reported, **settings)

    monkeypatch.setattr("tlx.protocols.fewshot.linear_probe", seen)
    words = [*SMALL, "fewshot.arms=[probe]", "fewshot.shots=[2]", "fewshot.seeds=1"]
    composed = compose("fewshot", words)
    answer(tmp_path / "probe", "fewshot", composed)
    features = stage_features(make_job(composed.config), lambda line: None)
    splits = make_job(composed.config).data.splits
    known = [features.of(Part(name, getattr(splits, name)))[features.stages[-1]] for name in ("train", "val")]
    ((train, validation, reported),) = asked
    for rows, pool in zip((train.features, validation.features), known, strict=True):
        assert bool((torch.cdist(rows.double(), pool.double()).min(dim=1).values < 1e-4).all())
    assert splits.test is not None and len(reported.labels) == len(splits.test)


def test_every_point_is_a_mean_over_seeds_with_its_interval(answered: Any) -> None:
    folder, found = answered
    for point in found.curves[1].points:
        runs = [
            folder / "runs" / "scratch-epochs=1" / f"shots{point.shots}-rate1-seed{seed}" for seed in (0, 1)
        ]
        summaries = [json.loads((run / "summary.json").read_text()) for run in runs]
        assert point.values == tuple(each["test/accuracy"] for each in summaries)
        assert all(each["train/samples"] == 10 * point.shots for each in summaries)
        assert all(each["best/epoch"] == each["train/epochs"] for each in summaries)
        same = point.values[0] == point.values[1]
        bounds = wilson(point.mean * found.reported, found.reported) if same else t_interval(point.values)
        assert bounds is not None
        assert (point.low, point.high) == (max(bounds[0], 0.0), min(bounds[1], 1.0))


def test_the_answer_can_be_read_back_and_shown(answered: Any) -> None:
    folder, found = answered
    assert typed(FewshotResult, json.loads((folder / "result.json").read_text())) == found
    assert "labels of each class" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fewshot.shots=[1,500]"], "500 labels of each class, and the rarest has"),
        (["data.per_class=3"], "fewshot.shots instead of data.per_class"),
        (["data.seed=7"], "draws labels by its seeds.*data.seed=7.*Try: seed=7 begins at another"),
        (
            ["data.test_fraction=0", "fewshot.shots=[1,150]"],
            r"150 labels of each class, and the probe has 131 left to fit on \(a fifth.*up to 131, data",
        ),
        (["fewshot.arms=[ful]"], "ful"),
        (["fewshot.arms=['model=tiny']"], "model=tiny"),
        (["task=multilabel"], "task=multiclass"),
        (["monitor=val/loss"], "nothing would read monitor.*last epoch"),
        ([ARMS, "strategy=full"], "nothing would read strategy.*fewshot.arms"),
        (["fewshot.arms=[probe]", "optimizer=sgd"], "nothing would read optimizer.*fewshot.arms"),
    ],
)
def test_what_cannot_be_drawn_or_trained_is_refused(tmp_path: Path, words: list[str], said: str) -> None:
    with pytest.raises(TlxError, match=said):
        answer(tmp_path / "wrong", "fewshot", compose("fewshot", [*SMALL, *words]))
    assert not (tmp_path / "wrong").exists()


def test_labels_that_the_probe_has_or_does_not_need_are_taken(tmp_path: Path) -> None:
    words = [*SMALL, "data.test_fraction=0", "seed=7", "data.seed=7"]
    assert prepared(tmp_path, "fewshot", compose("fewshot", [*words, "fewshot.shots=[1,131]"]))
    bare = ["fewshot.shots=[1,150]", "fewshot.arms=[strategy]"]
    assert prepared(tmp_path, "fewshot", compose("fewshot", [*words, *bare]))


def test_the_probe_is_reported_on_all_samples_where_they_outnumber_those_of_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As strategies are: figures on other samples do not cross."""
    asked: list[int] = []

    def seen(train: Labelled, validation: Labelled, reported: Labelled, **settings: Any) -> LinearProbe:
        asked.append(len(reported.labels))
        return linear_probe(train, validation, reported, **settings)

    monkeypatch.setattr("tlx.protocols.fewshot.linear_probe", seen)
    words = ["data.test_fraction=0.7", "fewshot.arms=[probe]", "fewshot.shots=[1]", "fewshot.seeds=1"]
    composed = compose("fewshot", [*words, "cache=none", "trainer=cpu"])
    found: FewshotResult = answer(tmp_path / "probe", "fewshot", composed)
    assert asked == [found.reported] and found.reported > 1000


def test_a_class_that_val_does_not_have_is_told_before_there_is_a_folder(tmp_path: Path) -> None:
    pixels, labels = np.zeros((9, 16, 16), dtype=np.uint8), np.array([0, 1, 2] * 3)
    pixels[:] = np.arange(9)[:, None, None]
    arrays = {f"{split}_{kind}": values for split in ("train", "test") for kind, values in
              (("images", pixels + (split == "test") * 9), ("labels", labels))}  # fmt: skip
    np.savez(tmp_path / "a.npz", val_images=pixels[:2] + 30, val_labels=labels[:2], **arrays)
    words = ["data=npz", f"data.file={tmp_path / 'a.npz'}", "cache=none", "trainer=cpu", "fewshot.shots=[1]"]
    with pytest.raises(DataError, match=r"chosen on val, which has none of 2.*without probe"):
        prepared(tmp_path / "answer", "fewshot", compose("fewshot", words))
    assert not (tmp_path / "answer").exists()


@pytest.mark.parametrize(
    "settings", [{"shots": [2, 1]}, {"shots": []}, {"shots": [0, 1]}, {"arms": []}, {"seeds": 0}]
)
def test_settings_out_of_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="fewshot\\."):
        Fewshot(**settings)
