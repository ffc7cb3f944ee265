import functools
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.origin.known import SOURCE, known_job, moved, origin_on
from tests.regularizers.steps import INPUTS, TARGETS, started, step_of
from tlx.cache.settings import CacheSettings
from tlx.cache.shared import SharedFiles
from tlx.errors import CheckpointError, ConfigError
from tlx.functional.fisher import DiagonalFisher
from tlx.origin.origin import Origin
from tlx.regularizers.ewc import EWC
from tlx.regularizers.l2sp import L2SP
from tlx.strategies.partial import partial
from tlx.types import Step

EMPTY = Step(INPUTS, TARGETS, torch.zeros(6, 3))


def begun(term: EWC, origin: Origin) -> EWC:
    term.begin(origin)
    started(term)
    return term


def test_half_the_strength_times_the_square_distance_weighted_by_the_information(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path)
    term = begun(EWC(strength=6.0, samples=None), origin)
    fisher = DiagonalFisher(origin.network, [name for name, _, _ in origin.pairs], "exact")
    for batch in origin.batches(None):
        fisher.add(batch.inputs)
    assert fisher.count == SOURCE
    moved(network, 0.5)
    trained = [name for name, now, _ in origin.pairs if now.requires_grad]
    expected = 3.0 * 0.25 * sum(float(fisher.mean()[name].sum()) for name in trained)
    assert expected > 0
    assert term.loss_term(network, step_of(network)).item() == pytest.approx(expected, rel=1e-5)


def test_with_an_information_of_one_it_is_the_pull_of_l2sp(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path)
    term = begun(EWC(strength=0.5, samples=5), origin)
    term._importance = [torch.ones_like(importance) for importance in term._importance]
    other = L2SP(strength=0.5, head_strength=0.0)
    other.begin(origin)
    started(other)
    moved(network, 0.5)
    trained = [now for _, now, _ in origin.pairs if now.requires_grad]
    vectors = sum(0.25 * 0.25 * now.numel() for now in trained if now.ndim == 1)
    step = step_of(network)
    both = term.loss_term(network, step).item(), other.loss_term(network, step).item() + vectors
    assert both[0] == pytest.approx(both[1], rel=1e-5)


@pytest.mark.parametrize("estimator", ["exact", "sampled", "empirical"])
def test_estimators_are_those_of_the_information(estimator: Any, tmp_path: Path) -> None:
    term = begun(EWC(estimator=estimator, samples=None), origin_on(tmp_path / estimator)[0])
    exact = begun(EWC(estimator="exact", samples=None), origin_on(tmp_path / "other")[0])
    same = all(torch.equal(a, b) for a, b in zip(term._importance, exact._importance, strict=True))
    assert same == (estimator == "exact")


def test_few_classes_are_summed_over_and_many_drawn_from(tmp_path: Path) -> None:
    auto = begun(EWC(samples=10), origin_on(tmp_path / "auto")[0])
    exact = begun(EWC(samples=10, estimator="exact"), origin_on(tmp_path / "exact")[0])
    assert auto.state_dict()["fisher"] == exact.state_dict()["fisher"]


def test_it_is_computed_once_and_known_by_its_hash(tmp_path: Path) -> None:
    origin, _ = origin_on(tmp_path)
    term = begun(EWC(samples=10), origin)
    path = tmp_path / "ewc.safetensors"
    written = path.stat().st_mtime_ns
    again = begun(EWC(samples=10), origin)
    assert path.stat().st_mtime_ns == written
    again.load_state_dict(term.state_dict())
    with pytest.raises(CheckpointError, match="another one than when the run began"):
        again.load_state_dict(term.state_dict() | {"fisher": "0" * 64})


def test_other_settings_than_it_was_made_by_are_refused(tmp_path: Path) -> None:
    state = begun(EWC(samples=10), origin_on(tmp_path)[0]).state_dict()
    later = begun(EWC(samples=20, strength=1.0), origin_on(tmp_path)[0])
    with pytest.raises(CheckpointError, match="made by estimator=auto, samples=10, draws=1"):
        later.load_state_dict(state)


def test_a_damaged_file_is_made_anew_in_the_same_bits(tmp_path: Path) -> None:
    term = begun(EWC(samples=10), origin_on(tmp_path)[0])
    path = tmp_path / "ewc.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    again = begun(EWC(samples=10), origin_on(tmp_path)[0])
    assert again.state_dict() == term.state_dict()


def test_without_a_source_the_target_is_answered_but_has_no_labels(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path, known_job(knows=0))
    term = begun(EWC(samples=10), origin)
    moved(network)
    assert term.loss_term(network, step_of(network)).item() > 0
    with pytest.raises(ConfigError, match="empirical needs original labels, and there is no source"):
        EWC(estimator="empirical").check(origin)


def test_frozen_weights_are_not_pulled(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path, trains=("head",))
    term = begun(EWC(samples=10), origin)
    assert term._now == [] and term.loss_term(network, step_of(network, original=False)).item() == 0.0


def test_it_keeps_four_bytes_for_each_weight_that_trains_and_was_pre_trained(tmp_path: Path) -> None:
    """Of the last block alone: 8 * 8 * 9 weights and 8 biases of a convolution, 8 + 8 of a norm."""
    job = known_job(strategy=functools.partial(partial, unfrozen=1))
    origin, _ = origin_on(tmp_path, job)
    term, names = EWC(samples=5), [name for name, _, _ in origin.pairs]
    assert term.bytes_kept(origin) == 4 * (8 * 8 * 9 + 8 + 8 + 8) + sum(map(len, names)) + 5 * 128
    begun(term, origin)
    written = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert 0 <= term.bytes_kept(origin) - written < 5 * 128


def sharing(home: Path, word: str, seed: int = 0) -> Origin:
    """The origin of a run that shares the folder `features` with others."""
    job = known_job()
    job.seed = seed
    origin, _ = origin_on(home / word, job)
    settings = CacheSettings(disk=1e-2, folder=str(home / "features"))
    origin.shared = SharedFiles(settings, torch.device("cpu"), {})
    return origin


def test_runs_of_other_strengths_compute_it_once_and_have_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, add = list[int](), DiagonalFisher.add
    monkeypatch.setattr(DiagonalFisher, "add", lambda self, *given: made.append(1) or add(self, *given))
    alone = begun(EWC(samples=10), origin_on(tmp_path / "alone")[0])
    once = len(made)
    terms = [begun(EWC(strength=10.0**n, samples=10), sharing(tmp_path, f"{n}")) for n in range(3)]
    assert once > 0 and len(made) == 2 * once
    assert {term.state_dict()["fisher"] for term in terms} == {alone.state_dict()["fisher"]}
    files = [(tmp_path / word / "ewc.safetensors").read_bytes() for word in ("alone", "0", "1", "2")]
    assert len(set(files)) == 1
    moved(terms[0]._origin._run_network)
    moved(terms[2]._origin._run_network)
    pulls = [term.loss_term(torch.nn.Identity(), EMPTY).item() for term in (terms[0], terms[2])]
    assert pulls[1] == pytest.approx(100 * pulls[0]) and pulls[0] > 0


@pytest.mark.parametrize(
    ("settings", "seed", "computed"),
    [
        ({}, 0, False),
        ({"strength": 5.0, "estimator": "exact"}, 0, False),
        ({"draws": 3}, 0, False),  # of which the exact one makes nothing
        ({}, 1, False),
        ({"samples": SOURCE}, 1, False),
        ({"samples": SOURCE - 1}, 0, True),
        ({"estimator": "empirical"}, 0, True),
        ({"estimator": "sampled"}, 0, True),
        ({"tasks": "online"}, 0, True),  # which the file says
    ],
)
def test_what_it_is_made_by_decides_who_has_it_in_common(
    settings: dict[str, Any], seed: int, computed: bool, tmp_path: Path
) -> None:
    begun(EWC(samples=None), sharing(tmp_path, "first"))
    EWC(**({"samples": None} | settings)).begin(sharing(tmp_path, "second", seed))
    assert len(list((tmp_path / "features").glob("*/meta.json"))) == 1 + computed


@pytest.mark.parametrize(("settings", "seed"), [({"draws": 2}, 0), ({}, 1), ({}, 0)])
def test_answers_that_are_drawn_depend_on_the_seed_and_on_how_many_there_are(
    settings: dict[str, Any], seed: int, tmp_path: Path
) -> None:
    made = {"estimator": "sampled", "samples": None}
    begun(EWC(**made), sharing(tmp_path, "first"))
    begun(EWC(**made | settings), sharing(tmp_path, "second", seed))
    entries = len(list((tmp_path / "features").glob("*/meta.json")))
    files = {(tmp_path / word / "ewc.safetensors").read_bytes() for word in ("first", "second")}
    assert entries == len(files) == (2 if settings or seed else 1)


def test_a_file_in_common_says_of_no_run_what_another_asked_for(tmp_path: Path) -> None:
    """How several tasks are held on to is written into the file, and so belongs to what is in common."""
    begun(EWC(samples=10, tasks="online"), sharing(tmp_path, "online"))
    kept = begun(EWC(samples=10), sharing(tmp_path, "separate")).state_dict()
    shutil.rmtree(tmp_path / "features")
    for path in (tmp_path / "separate").glob("ewc.safetensors*"):
        path.unlink()
    again = begun(EWC(samples=10), sharing(tmp_path, "separate"))
    again.load_state_dict(kept)
    later, _ = origin_on(tmp_path / "later")
    later.earlier = tmp_path / "separate"
    EWC().check(later)


def test_other_weights_that_train_have_another_information(tmp_path: Path) -> None:
    EWC(samples=10).begin(sharing(tmp_path, "all"))
    origin = sharing(tmp_path, "some")
    origin.pairs = origin.pairs[2:]
    EWC(samples=10).begin(origin)
    assert len(list((tmp_path / "features").glob("*/meta.json"))) == 2


@pytest.mark.parametrize("estimator", ["exact", "empirical", "batched"])
def test_draws_of_an_estimator_that_draws_nothing_are_refused(estimator: str) -> None:
    with pytest.raises(ConfigError, match=f"ewc.draws=5.* 1 of estimator={estimator}") as refused:
        EWC(estimator=estimator, draws=5)
    assert refused.value.fix == "regularizer.ewc.estimator=sampled"
    EWC(estimator=estimator, draws=1)


def test_draws_are_said_to_be_unread_where_auto_becomes_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, _ = origin_on(tmp_path)
    (line,) = EWC(draws=5).said(origin)
    assert line.startswith("regularizer.ewc.draws=5 is not read")
    assert EWC().said(origin) == EWC(estimator="sampled", draws=5).said(origin) == []
    monkeypatch.setattr("tlx.regularizers.ewc.FEW_CLASSES", 2)
    assert EWC(draws=5).said(origin) == []


def test_a_decay_is_said_to_count_later_where_nothing_is_taken_over(tmp_path: Path) -> None:
    origin, _ = origin_on(tmp_path)
    (line,) = EWC(tasks="online", decay=0.5).said(origin)
    assert "takes over nothing" in line and "decay=0.5" in line
    assert EWC(tasks="online").said(origin) == []


@pytest.mark.parametrize("setting", [{"strength": -1.0}, {"estimator": "all"}, {"samples": 0}, {"draws": 0}])
def test_values_out_of_their_range_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"regularizer.ewc.{next(iter(setting))}"):
        EWC(**setting)
