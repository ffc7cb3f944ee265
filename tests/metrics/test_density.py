import torch

from tlx.metrics.density import Density


def test_a_cell_counts_how_often_a_prediction_meets_a_target() -> None:
    density = Density(torch.tensor([0.0]), torch.tensor([10.0]), cells=2)
    density.update(torch.tensor([[1.0], [9.0], [9.0]]), torch.tensor([[1.0], [1.0], [9.0]]))
    assert density.compute().tolist() == [[[1, 1], [0, 1]]]


def test_predictions_out_of_range_count_at_the_edge() -> None:
    density = Density(torch.tensor([0.0]), torch.tensor([1.0]), cells=2)
    density.update(torch.tensor([[-5.0], [70.0]]), torch.tensor([[0.0], [1.0]]))
    assert density.compute().tolist() == [[[1, 0], [0, 1]]]


def test_every_number_has_a_histogram_of_its_own() -> None:
    density = Density(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 100.0]), cells=2)
    density.update(torch.tensor([[0.9, 10.0]]), torch.tensor([[0.9, 90.0]]))
    assert density.compute().tolist() == [[[0, 0], [0, 1]], [[0, 0], [1, 0]]]


def test_a_target_that_never_varies_is_one_cell() -> None:
    density = Density(torch.tensor([3.0]), torch.tensor([3.0]), cells=2)
    density.update(torch.tensor([[3.0]]), torch.tensor([[3.0]]))
    assert int(density.compute().sum()) == 1
