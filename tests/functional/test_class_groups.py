import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tlx.functional.class_groups import within_groups


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 1000))
def test_loss_and_choice_are_those_within_the_group(sizes: list[int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(6, sum(sizes), generator=generator, dtype=torch.float64).requires_grad_()
    targets = torch.randint(sum(sizes), (6,), generator=generator)
    masked = within_groups(logits, targets, sizes)
    losses = functional.cross_entropy(masked, targets, reduction="none")
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    for row, target in enumerate(targets.tolist()):
        start = max(s for s in starts if s <= target)
        own = logits[row, start : start + sizes[starts.index(start)]]
        alone = functional.cross_entropy(own[None], torch.tensor([target - start]))
        assert torch.allclose(losses[row], alone)
        assert masked[row].argmax() == start + own.argmax()
    losses.sum().backward()
    assert logits.grad is not None and logits.grad.isfinite().all()
    assert (logits.grad[masked.isinf()] == 0).all()
