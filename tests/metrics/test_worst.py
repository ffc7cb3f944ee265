import torch

from tlx.metrics.worst import Worst


def test_the_highest_scores_are_kept_worst_first_with_their_values() -> None:
    metric = Worst(width=2, keep=2)
    metric.update(torch.tensor([2.3, 0.9]), torch.tensor([10, 12]), torch.tensor([[1.0, 0.5], [0.0, 0.6]]))
    metric.update(torch.tensor([5.0]), torch.tensor([13]), torch.tensor([[0.0, 0.25]]))
    assert [(number, values) for _, number, values in metric.compute()] == [(13, [0, 0.25]), (10, [1, 0.5])]


def test_equal_scores_are_ordered_by_id_whatever_the_batches_were() -> None:
    metric = Worst(width=1, keep=2)
    for number in (7, 3, 5):
        metric.update(torch.tensor([1.0]), torch.tensor([number]), torch.zeros(1, 1))
    assert [number for _, number, _ in metric.compute()] == [3, 5]


def test_a_score_of_zero_or_below_is_kept_before_an_empty_row() -> None:
    metric = Worst(width=1, keep=3)
    metric.update(torch.tensor([-4.0, 0.0]), torch.tensor([1, 2]), torch.zeros(2, 1))
    assert [number for _, number, _ in metric.compute()] == [2, 1]


def test_nothing_gives_nothing() -> None:
    assert Worst(width=3).compute() == []


def test_rows_of_several_ranks_become_one_list() -> None:
    stacked = torch.tensor([[[1.0, 4, 0]], [[2.0, 3, 0]]])
    assert Worst(width=1, keep=1)._worst(stacked).tolist() == [[2.0, 3.0, 0.0]]
