import torch
from torch import nn

from tlx.backbones.known_heads import KnownHeads


def test_heads_answer_one_after_the_other() -> None:
    heads = [nn.Linear(3, 2), nn.Linear(3, 1)]
    known = KnownHeads(nn.Flatten(), heads)
    trunk = torch.randn(4, 3, 1)
    wanted = torch.cat([head(trunk.flatten(1)) for head in heads], 1)
    assert torch.equal(known(trunk), wanted)
    assert torch.equal(known.of_features(trunk.flatten(1)), wanted)
    assert known.newest is known.heads[-1]


def test_another_network_can_stand_for_the_newest_head() -> None:
    known = KnownHeads(nn.Identity(), [nn.Linear(3, 2), nn.Linear(3, 1)])
    features = torch.randn(4, 3)
    given = torch.randn(4, 1)
    found = known.beside(features, given)
    assert torch.equal(found[:, :2], known(features)[:, :2]) and torch.equal(found[:, 2:], given)
