from pathlib import Path
from typing import Any

import pytest
import torch

from tests.origin.known import known_job, moved, origin_on
from tests.regularizers.steps import INPUTS, started, step_of
from tlx.errors import ConfigError
from tlx.functional.distillation import distillation
from tlx.regularizers.lwf import LwF


@pytest.mark.parametrize("inputs", ["source", "target"])
def test_it_is_nothing_until_a_weight_moves_and_pulls_back_then(inputs: str, tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path)
    network.eval()
    term = LwF(inputs=inputs)
    term.begin(origin)
    started(term)
    first = term.loss_term(network, step_of(network))
    assert first.item() == pytest.approx(0.0, abs=1e-6)
    moved(network, 0.05)
    later = term.loss_term(network, step_of(network))
    later.backward()
    assert later.item() > 1e-4
    grads = [weight.grad for name, weight in network.trainable() if "head" not in name]
    assert all(grad is not None for grad in grads)


def test_on_the_target_it_compares_the_steps_own_answer(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path, known_job(knows=0))
    term = LwF(strength=3.0, temperature=4.0)
    term.begin(origin)
    started(term)
    assert term.reads_original
    moved(network, 0.05)
    step = step_of(network)
    assert step.original is not None
    expected = 3.0 * distillation(step.original, origin.network(INPUTS), 4.0)
    torch.testing.assert_close(term.loss_term(network, step), expected)


@pytest.mark.parametrize("inputs", ["source", "target"])
def test_t_squared_multiplies_the_term_only_where_it_is_scaled(inputs: str, tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path)
    network.eval()
    terms = [LwF(temperature=3.0, scaled=scaled, inputs=inputs) for scaled in (True, False)]
    for term in terms:
        term.begin(origin)
        term.comparison._recall = terms[0].comparison._recall  # the same draw
        started(term)
    moved(network, 0.05)
    scaled, bare = (term.loss_term(network, step_of(network)).item() for term in terms)
    assert bare > 1e-5
    assert scaled == pytest.approx(9.0 * bare, rel=1e-4)


def test_while_only_the_head_trains_nobody_is_asked(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path, trains=("head",))
    for inputs in ("source", "target"):
        term = LwF(inputs=inputs)
        term.begin(origin)
        started(term)
        assert not term.reads_original
        assert term.loss_term(network, step_of(network, original=False)).item() == 0.0


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"strength": -1.0}, "strength"),
        ({"temperature": 0.0}, "temperature"),
        ({"inputs": "both"}, "inputs"),
        ({"samples": 0}, "samples"),
        ({"ratio": 0.0}, "ratio"),
        ({"ratio": 1e9}, "ratio"),
        ({"inputs": "target", "samples": 7}, "inputs=target"),
    ],
)
def test_values_out_of_their_range_are_refused(setting: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=f"regularizer.lwf.{said}"):
        LwF(**setting)


def test_a_source_that_is_asked_for_has_to_be_there(tmp_path: Path) -> None:
    origin, _ = origin_on(tmp_path, known_job(knows=0))
    with pytest.raises(ConfigError, match="regularizer.lwf.inputs=source, and there is no source"):
        LwF(inputs="source").check(origin)
