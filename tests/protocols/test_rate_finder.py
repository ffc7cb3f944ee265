import pytest
import torch

from tests.faults.jobs import small_job
from tlx.protocols.rate_finder import find_rates
from tlx.strategies.discriminative import discriminative


def test_the_range_leaves_no_trace_in_the_random_state_and_is_the_same_twice() -> None:
    found = []
    for seed in (5, 6):
        job = small_job(knows=8)
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        found.append(find_rates(job, None, 1e-3, 1e2, 15))
        assert torch.equal(torch.get_rng_state(), before)
    assert found[0] == found[1]


def test_every_group_keeps_its_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = []
    step = torch.optim.AdamW.step

    def seen(self: torch.optim.AdamW, *arguments: object) -> object:
        rates.append({str(g["name"]).partition("/")[0]: float(g["lr"]) for g in self.param_groups})
        return step(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(torch.optim.AdamW, "step", seen)
    job = small_job(knows=8, strategy=discriminative)
    result = find_rates(job, None, 1e-3, 1.0, 6)
    for each, factor in zip(rates, result.factors, strict=False):
        assert each == pytest.approx({part: rate * factor for part, rate in result.rates.items()})


def test_a_rate_that_breaks_training_ends_the_range_and_lies_above_what_is_suggested() -> None:
    job = small_job(knows=8)
    result = find_rates(job, None, 1e-3, 1e9, 60)
    assert len(result.factors) < 60
    assert result.suggestion is not None
    assert result.suggestion < result.factors[-1]
