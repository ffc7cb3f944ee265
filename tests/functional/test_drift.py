import pytest
import torch
from torch import Tensor

from tlx.functional.drift import drift


def several(seed: int, *, positive: bool = False) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    made = [
        torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((3, 4), (5,), (2, 1, 2))
    ]
    return [tensor.abs() for tensor in made] if positive else made


@pytest.mark.parametrize("weighted", [True, False])
def test_value_and_gradient_are_those_of_autograd(weighted: bool) -> None:
    now, before = [t.requires_grad_() for t in several(0)], several(1)
    importance = several(2, positive=True) if weighted else []
    ours = drift(now, before, importance)
    (3 * ours).backward()
    found = [t.grad.clone() for t in now if t.grad is not None]
    weights = importance or [torch.ones_like(t) for t in now]
    plain = sum((w * (a - b) ** 2).sum() for a, b, w in zip(now, before, weights, strict=True))
    theirs = torch.autograd.grad(3 * plain, now)
    assert ours.item() == pytest.approx(plain.item(), rel=1e-12)
    for mine, other in zip(found, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=0)


def test_the_minimum_lies_where_the_pull_and_the_loss_balance() -> None:
    h, t = torch.tensor([1.0, 2.0, 0.5]), torch.tensor([3.0, -1.0, 2.0])
    importance, before, strength = torch.tensor([4.0, 0.0, 1.0]), torch.tensor([0.0, 0.0, 1.0]), 2.0
    x = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.SGD([x], lr=0.1)
    for _ in range(500):
        optimizer.zero_grad()
        loss = (h * (x - t) ** 2).sum() / 2 + strength / 2 * drift([x], [before], [importance])
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(x.detach(), torch.tensor([1 / 3, -1.0, 1.2]))


def test_nothing_that_trains_has_not_moved() -> None:
    assert drift([], []).item() == 0.0
