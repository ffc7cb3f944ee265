import torch

from tlx.functional.mixup import draw_share, mix


def test_shares_follow_the_beta_distribution() -> None:
    """Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1))."""
    torch.manual_seed(0)
    shares = torch.tensor([draw_share(0.4) for _ in range(4000)])
    assert abs(shares.mean().item() - 0.5) < 0.02
    assert abs(shares.var().item() - 1 / (4 * 1.8)) < 0.01


def test_the_same_state_draws_the_same_share() -> None:
    torch.manual_seed(3)
    first = draw_share(0.2)
    torch.manual_seed(3)
    assert draw_share(0.2) == first


def test_a_share_of_one_changes_nothing() -> None:
    pictures = torch.rand(3, 1, 4, 4)
    assert torch.equal(mix(pictures, torch.tensor([2, 0, 1]), 1.0), pictures)
    assert torch.equal(mix(pictures, torch.tensor([2, 0, 1]), 0.0), pictures[[2, 0, 1]])


def test_a_small_alpha_mixes_little() -> None:
    """For Beta(a, a) the mean of 4 x (1 - x) is 2 a / (2 a + 1); single precision gave 0.5 too often."""
    torch.manual_seed(0)
    shares = torch.tensor([draw_share(0.01) for _ in range(4000)], dtype=torch.float64)
    assert abs((4 * shares * (1 - shares)).mean().item() - 0.02 / 1.02) < 0.01
