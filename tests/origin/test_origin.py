import functools
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.faults.jobs import small_job
from tests.origin.known import known_job, moved, origin_on
from tlx.assembly import build_network, origin_of, plan_of
from tlx.errors import CheckpointError, ConfigError
from tlx.origin.origin import Origin
from tlx.regularizers.l2sp import L2SP
from tlx.strategies.feature_extraction import feature_extraction
from tlx.strategies.partial import partial
from tlx.strategies.surgical import surgical
from tlx.trainer import World


def test_weights_that_train_are_paired_with_what_they_were(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path, known_job(strategy=functools.partial(partial, unfrozen=1)))
    names = [name for name, _, _ in origin.pairs]
    assert names and all(name.startswith("backbone.net.block1") for name in names)
    assert {id(weight) for weight in origin.added} == {id(weight) for weight in network.head.parameters()}
    moved(network, 0.5)
    assert all(torch.allclose(now - before, torch.tensor(0.5)) for _, now, before in origin.pairs)


def test_a_stage_that_starts_anew_has_nothing_to_go_back_to(tmp_path: Path) -> None:
    from tlx.strategies.scratch import scratch

    origin, _ = origin_on(tmp_path, known_job(strategy=scratch))
    assert origin.pairs == [] and not origin.moves


def test_nothing_moves_while_only_the_head_trains(tmp_path: Path) -> None:
    origin, _ = origin_on(tmp_path, known_job(strategy=feature_extraction), trains=("head",))
    assert not origin.moves
    assert origin_on(tmp_path)[0].moves


def test_the_digest_is_that_of_the_weights_before(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path)
    known = origin.digest
    moved(network)
    assert origin_on(tmp_path)[0].digest == known
    origin.check(known)
    with pytest.raises(CheckpointError, match="other ones now"):
        origin.check("0" * 64)


def test_another_original_head_or_other_statistics_are_another_origin(tmp_path: Path) -> None:
    known = origin_on(tmp_path)[0].digest
    for shift in ("head", "statistics"):
        job = known_job()
        assert job.backbone.original_head is not None
        tensors = dict(job.backbone.net.named_buffers())
        moved_tensor = (
            next(job.backbone.original_head.parameters()).data
            if shift == "head"
            else next(value for name, value in tensors.items() if name.endswith("running_mean"))
        )
        moved_tensor += 1
        assert origin_on(tmp_path, job)[0].digest != known


def test_samples_of_the_source_are_read_with_their_original_classes(tmp_path: Path) -> None:
    origin, _ = origin_on(tmp_path)
    kept = origin.recall(np.array([4, 0, 39]))
    assert kept.targets.tolist() == [1, 0, 0]  # a made-up class is its number modulo three
    assert len(kept) == 3 and origin.bytes > origin.network.bytes


def test_an_answer_is_given_in_evaluation_mode_and_leaves_no_trace(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path)
    modes = {name: module.training for name, module in network.named_modules()}
    state = {name: value.clone() for name, value in network.state_dict().items()}
    logits = origin.answer(origin.recall(np.arange(8)).take(torch.arange(8), torch.device("cpu")))
    logits.sum().backward()
    assert {name: module.training for name, module in network.named_modules()} == modes
    assert any(modes.values())
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert all(weight.grad is not None for name, weight in network.trainable() if "head" not in name)


def test_what_is_held_on_to_has_to_be_there(tmp_path: Path) -> None:
    job = small_job(strategy=surgical, regularizers=(L2SP,))
    job.regularizers, made = (), job.regularizers
    assert origin_of(job, build_network(job), plan_of(job), tmp_path, World()) is None
    job = small_job(strategy=surgical)
    job.regularizers = made
    with pytest.raises(
        ConfigError, match="regularizer=l2sp is about what the weights know, and they are random"
    ):
        origin_of(job, build_network(job), plan_of(job), tmp_path, World())


def test_a_source_without_an_original_head_measures_nothing(tmp_path: Path) -> None:
    job = known_job()
    job.backbone.original_head = None
    with pytest.raises(ConfigError, match="came without their original head"):
        origin_of(job, build_network(job), plan_of(job), tmp_path, World())
    with pytest.raises(ConfigError, match="data@source asks .*Try: no data@source"):
        origin_of(job, build_network(job), plan_of(job), tmp_path, World())
    assert isinstance(origin_on(tmp_path)[0], Origin)
