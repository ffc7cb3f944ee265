import torch

from tests.faults.jobs import known_backbone
from tlx.backbones.cut import Cut
from tlx.modules.network import Network
from tlx.origin.recall import Recall
from tlx.types import FrontierValues

CPU = torch.device("cpu")
INPUTS = torch.randn(150, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def recall(seed: int = 3) -> Recall:
    return Recall(INPUTS, torch.arange(150) % 3, seed)


def test_a_draw_depends_on_the_batch_and_the_rank_and_on_nothing_before_it() -> None:
    one, other = recall(), recall()
    other.draw(7, 0, 0)
    assert torch.equal(one.draw(20, 5, 1), other.draw(20, 5, 1))
    draws = {tuple(one.draw(20, batch, rank).tolist()) for batch in range(3) for rank in range(2)}
    draws.add(tuple(recall(4).draw(20, 0, 0).tolist()))
    assert len(draws) == 7


def test_every_sample_is_drawn_about_as_often() -> None:
    counts = torch.bincount(torch.cat([recall().draw(150, batch, 0) for batch in range(200)]), minlength=150)
    assert counts.min() > 140 and counts.max() < 270  # 200 on average, four standard deviations and more


def test_the_frozen_part_is_computed_once_and_leads_to_the_same_answer() -> None:
    backbone = known_backbone()
    network = Network(backbone, torch.nn.Linear(8, 2))
    network.freeze_except(("block1", "head"))
    network.eval()
    kept, ids = recall(), torch.tensor([3, 149, 3])
    whole = network(kept.take(ids, CPU), original=True)
    network.cut = Cut(backbone, 2, INPUTS[:2])
    before = kept.bytes
    kept.settle(network.cut, CPU)
    values = kept.take(ids, CPU)
    assert isinstance(values, FrontierValues)
    torch.testing.assert_close(network(values, original=True).original, whole.original)
    assert kept.bytes > before
    kept.settle(None, CPU)
    assert torch.equal(kept.take(ids, CPU), INPUTS[ids])
    assert kept.bytes == before


def test_texts_are_taken_by_name() -> None:
    tokens = {"input_ids": torch.arange(12).reshape(4, 3), "attention_mask": torch.ones(4, 3)}
    found = Recall(tokens, torch.zeros(4, dtype=torch.int64), 0).take(torch.tensor([2]), CPU)
    assert isinstance(found, dict) and found["input_ids"].tolist() == [[6, 7, 8]]


def test_a_network_answers_every_sample_in_order() -> None:
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4))
    torch.testing.assert_close(recall().answered(network, CPU), network(INPUTS).detach())
