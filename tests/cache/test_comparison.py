import torch

from tlx.cache.comparison import alike, spread


def test_the_first_and_the_last_row_are_among_those_compared_and_an_address_draws_the_rest() -> None:
    chosen = spread(100, "ab12")
    assert (chosen[0], chosen[-1], len(chosen)) == (0, 99, 4)
    assert chosen == spread(100, "ab12") != spread(100, "cd34")
    assert spread(1, "ab12") == [0]


def test_last_bits_may_differ_and_more_may_not() -> None:
    whole = torch.tensor([[1.0, 100.0]])
    assert alike(whole, whole + 1e-3)
    assert not alike(whole, whole + 0.1)
    assert alike(whole, (whole + 1).half())
    assert not alike(whole, whole[:, :1])
