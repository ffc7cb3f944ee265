import torch

from tlx.modules.mistakes import Mistakes


def test_the_wrong_ones_of_highest_loss_are_kept_worst_first() -> None:
    metric = Mistakes(keep=2)
    probabilities = torch.tensor([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]])
    metric.update(
        torch.tensor([2.3, 0.3, 0.9]), torch.tensor([10, 11, 12]), torch.tensor([1, 1, 1]), probabilities
    )
    metric.update(torch.tensor([5.0]), torch.tensor([13]), torch.tensor([0]), torch.tensor([[0.01, 0.99]]))
    rows = metric.compute()
    assert [(row["id"], row["target"], row["predicted"]) for row in rows] == [(13, 0, 1), (10, 1, 0)]
    assert abs(rows[1]["probability"] - 0.9) < 1e-6


def test_nothing_wrong_gives_nothing() -> None:
    metric = Mistakes()
    metric.update(torch.tensor([0.1]), torch.tensor([0]), torch.tensor([0]), torch.tensor([[0.9, 0.1]]))
    assert metric.compute() == []


def test_rows_of_several_ranks_become_one_list() -> None:
    stacked = torch.tensor([[[1.0, 4, 0, 1, 0.6]], [[2.0, 3, 0, 1, 0.7]]])
    assert Mistakes(keep=1)._worst(stacked).tolist()[0][:2] == [2.0, 3.0]
