from pathlib import Path
from typing import Any

import pytest
import torch

from tests.origin.known import known_job, moved, origin_on
from tests.regularizers.steps import INPUTS, started, step_of
from tlx.errors import ConfigError
from tlx.functional.distillation import divergence
from tlx.regularizers.kl import KL


@pytest.mark.parametrize("direction", ["reverse", "forward"])
def test_it_is_the_exact_divergence_in_its_direction(direction: str, tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path, known_job(knows=0))
    term = KL(strength=2.0, direction=direction)
    term.begin(origin)
    started(term)
    moved(network, 1.0)
    step = step_of(network)
    assert step.original is not None
    now, before = step.original, origin.network(INPUTS)
    expected = 2.0 * (divergence(now, before) if direction == "reverse" else divergence(before, now))
    torch.testing.assert_close(term.loss_term(network, step), expected)
    other = divergence(before, now) if direction == "reverse" else divergence(now, before)
    assert abs(expected.item() - 2.0 * other.item()) > 1e-3


def test_of_the_source_it_is_nothing_until_a_weight_moves(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path)
    network.eval()  # a step in training would move running statistics
    term = KL(samples=10)
    term.begin(origin)
    started(term)
    assert term.loss_term(network, step_of(network)).item() == pytest.approx(0.0, abs=1e-6)
    moved(network, 0.05)
    assert term.loss_term(network, step_of(network)).item() > 1e-5


@pytest.mark.parametrize("setting", [{"strength": -1.0}, {"direction": "both"}, {"samples": 0}])
def test_values_out_of_their_range_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"regularizer.kl.{next(iter(setting))}"):
        KL(**setting)
