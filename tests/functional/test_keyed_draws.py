import torch

from tlx.functional.keyed_draws import keyed_uniform


def test_a_sample_draws_the_same_in_any_batch_and_order() -> None:
    whole = keyed_uniform(7, torch.arange(100), 3)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    pieces = torch.cat([keyed_uniform(7, part, 3) for part in order.split(17)])
    assert torch.equal(pieces, whole[order])


def test_fewer_draws_are_the_first_of_more() -> None:
    assert torch.equal(keyed_uniform(7, torch.arange(5), 2), keyed_uniform(7, torch.arange(5), 9)[:, :2])


def test_numbers_are_uniform_and_neither_samples_nor_draws_nor_keys_are_alike() -> None:
    """Mean 1/2 and variance 1/12; correlations of N numbers stay within a few 1/sqrt(N)."""
    numbers = keyed_uniform(0, torch.arange(20_000), 4)
    assert numbers.dtype == torch.float64 and numbers.min() >= 0 and numbers.max() < 1
    assert (numbers.mean(0) - 0.5).abs().max() < 0.01
    assert (numbers.var(0) - 1 / 12).abs().max() < 0.003
    others = [numbers[1:, 0], numbers[:-1, 1], keyed_uniform(1, torch.arange(20_000), 1)[:-1, 0]]
    found = torch.corrcoef(torch.stack([numbers[:-1, 0], *others]))
    assert (found - torch.eye(4)).abs().max() < 0.03
    assert len(numbers.flatten().unique()) == 80_000


def test_the_bits_are_those_of_splitmix64() -> None:
    """Its first output of seed 0 is 0xE220A8397B1DCDAF (Vigna, https://prng.di.unimi.it/splitmix64.c)."""
    from tlx.functional.keyed_draws import GOLDEN, _mixed

    assert int(_mixed(torch.tensor(GOLDEN))) % 2**64 == 0xE220A8397B1DCDAF
