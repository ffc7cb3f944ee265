import functools
from pathlib import Path

import pytest
import torch

from tests.origin.known import known_backbone, known_job, moved, origin_on
from tlx.backbones.cut import Cut
from tlx.modules.network import Network
from tlx.origin.original import Original
from tlx.strategies.partial import partial

INPUTS = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_what_never_trains_is_shared_and_the_rest_is_a_copy() -> None:
    backbone = known_backbone()
    original = Original(backbone, ["block1"])
    for stage, shared in (("stem", True), ("block0", True), ("block1", False)):
        theirs = original.backbone.stage_tensors(stage)
        assert all(
            (tensor is theirs[name]) == shared for name, tensor in backbone.stage_tensors(stage).items()
        )
    mine = [t.nbytes for t in backbone.stage_tensors("block1").values()]
    head = [t.nbytes for t in backbone.original_head.parameters()] if backbone.original_head else []
    assert original.bytes == sum(mine) + sum(head)


def test_it_stays_as_it_was_whatever_trains(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path)
    before = origin.network(INPUTS)
    moved(network)
    network(INPUTS)  # moves running statistics
    origin.network.train()
    assert torch.equal(origin.network(INPUTS), before)
    assert not any(weight.requires_grad for weight in origin.network.parameters())
    network.eval()
    assert not torch.equal(network(INPUTS, original=True).original, before)


def test_before_anything_trains_both_answer_alike(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path)
    network.eval()
    assert torch.equal(network(INPUTS, original=True).original, origin.network(INPUTS))


@pytest.mark.parametrize("frontier", [1, 2])
def test_it_reads_what_the_frozen_stages_gave(frontier: int, tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path, known_job(strategy=functools.partial(partial, unfrozen=1)))
    cut = Cut(network.backbone, frontier, INPUTS)
    assert origin.network.cut_as(cut, INPUTS)
    values = cut.values(INPUTS)
    from tlx.types import FrontierValues

    moved(network)
    assert torch.equal(origin.network(FrontierValues(frontier, values)), origin.network(INPUTS))


def test_stages_that_have_trained_before_are_not_taken_for_its_own(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path, trains=("stem", "block0", "block1", "head"))
    moved(network)
    network.freeze_except(("block1", "head"))
    cut = Cut(network.backbone, 2, INPUTS)
    assert not origin.network.cut_as(cut, INPUTS)
    assert origin.network.cut is None


def test_values_of_another_frontier_are_an_error(tmp_path: Path) -> None:
    from tlx.types import FrontierValues

    origin, network = origin_on(tmp_path)
    values = Cut(network.backbone, 2, INPUTS).values(INPUTS)
    with pytest.raises(RuntimeError, match="frontier 2"):
        origin.network(FrontierValues(2, values))
    assert isinstance(network, Network)
