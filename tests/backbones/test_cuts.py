import pytest
import torch

from tests.faults.jobs import small_backbone
from tlx.backbones.cut import Cut
from tlx.backbones.cuts import values_of

IMAGES = torch.rand(4, 1, 8, 8)


@pytest.mark.parametrize("frontiers", [(1, 2, 3), (3, 1), (2, 1), (2,), (3,)])
def test_one_pass_gives_what_each_cut_gives_alone(frontiers):
    backbone = small_backbone().eval().requires_grad_(False)
    cuts = [Cut(backbone, frontier, IMAGES) for frontier in frontiers]
    together = values_of(cuts, IMAGES)
    for cut, values in zip(cuts, together, strict=True):
        alone = cut.values(IMAGES)
        assert values.keys() == alone.keys()
        assert all(torch.equal(values[name], alone[name]) for name in alone)
        assert not any(value.requires_grad for value in values.values())


def test_what_lies_above_the_highest_frontier_is_not_run():
    backbone = small_backbone().eval().requires_grad_(False)
    cuts = [Cut(backbone, frontier, IMAGES) for frontier in (1, 2)]
    calls = []
    for name in ("stem", "block0", "block1", "pool"):
        backbone.net.get_submodule(name).register_forward_pre_hook(lambda *_, name=name: calls.append(name))
    values_of(cuts, IMAGES)
    assert calls == ["stem", "block0"]
