import torch
from hypothesis import given
from hypothesis import strategies as st

from tlx.functional.consolidation import Pull, both_pulls
from tlx.functional.drift import drift


@given(st.integers(0, 1000), st.integers(2, 5))
def test_any_number_of_tasks_pulls_as_their_sum(seed: int, tasks: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def drawn(count: int) -> torch.Tensor:
        return torch.randn(count, generator=generator, dtype=torch.float64)

    pulls = [Pull(drawn(7).relu(), drawn(7)) for _ in range(tasks)]
    weights = [drawn(7).requires_grad_() for _ in range(2)]
    together = pulls[0]
    for pull in pulls[1:]:
        together = both_pulls(together, pull)
    values = []
    for at in weights:
        alone = torch.stack([drift([at], [pull.anchor], [pull.importance]) for pull in pulls]).sum()
        joined = drift([at], [together.anchor], [together.importance])
        wanted, found = (torch.autograd.grad(value, at)[0] for value in (alone, joined))
        assert torch.allclose(wanted, found)
        values.append((alone - joined).item())
    assert abs(values[0] - values[1]) < 1e-9  # they differ by what does not depend on the weights


def test_a_task_without_importance_changes_nothing() -> None:
    pull = Pull(torch.tensor([2.0]), torch.tensor([3.0]))
    nothing = Pull(torch.zeros(1), torch.tensor([9.0]))
    for both in (both_pulls(pull, nothing), both_pulls(nothing, pull)):
        assert both.importance.item() == 2 and both.anchor.item() == 3
