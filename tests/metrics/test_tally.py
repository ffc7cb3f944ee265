import torch

from tlx.metrics.tally import Tally


def test_rows_are_counted_and_columns_summed() -> None:
    tally = Tally(2)
    tally.update(torch.tensor([[1, 2], [3, 4]]))
    tally.update(torch.tensor([[0.5, -1.0]]))
    count, totals = tally.compute()
    assert count == 3
    assert totals.tolist() == [4.5, 5.0]


def test_sums_are_in_double_precision() -> None:
    """In single precision 2**24 + 1 is 2**24."""
    tally = Tally(1)
    for value in (2.0**24, 1.0):
        tally.update(torch.tensor([[value]]))
    assert tally.compute()[1].item() == 2**24 + 1


def test_a_reset_starts_anew() -> None:
    tally = Tally(1)
    tally.update(torch.ones(4, 1))
    tally.reset()
    assert tally.compute() == (0, torch.zeros(1, dtype=torch.float64))
