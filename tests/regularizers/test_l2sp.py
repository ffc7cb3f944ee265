from pathlib import Path

import pytest
import torch

from tests.origin.known import moved, origin_on
from tests.regularizers.steps import started, step_of
from tlx.errors import CheckpointError, ConfigError
from tlx.regularizers.l2sp import L2SP


def test_half_the_strength_times_the_square_distance_and_the_same_from_zero_for_the_head(
    tmp_path: Path,
) -> None:
    origin, network = origin_on(tmp_path)
    term = L2SP(strength=0.5, head_strength=0.25)
    term.begin(origin)
    started(term)
    head = network.head.linear.weight if hasattr(network.head, "linear") else next(network.head.parameters())
    new = sum(float(w.detach().square().sum()) for w in origin.added if w.ndim > 1)
    assert term.loss_term(network, step_of(network)).item() == pytest.approx(0.125 * new)
    moved(network, 0.1)
    count = sum(now.numel() for _, now, _ in origin.pairs if now.requires_grad and now.ndim > 1)
    later = sum(float(w.detach().square().sum()) for w in origin.added if w.ndim > 1)
    found = term.loss_term(network, step_of(network))
    assert found.item() == pytest.approx(0.25 * 0.01 * count + 0.125 * later, rel=1e-5)
    found.backward()
    assert head.grad is not None
    torch.testing.assert_close(head.grad, 0.25 * head.detach())


def test_norms_and_biases_are_left_alone(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path)
    term = L2SP()
    term.begin(origin)
    started(term).loss_term(network, step_of(network)).backward()
    vectors = [weight for _, weight in network.trainable() if weight.ndim == 1]
    assert vectors and all(weight.grad is None for weight in vectors)


def test_weight_decay_is_off_beside_it() -> None:
    assert L2SP.replaces_weight_decay and not L2SP.reads_original


def test_other_weights_than_the_run_began_with_are_refused(tmp_path: Path) -> None:
    term = L2SP()
    term.begin(origin_on(tmp_path)[0])
    state = term.state_dict()
    term.load_state_dict(state)
    with pytest.raises(CheckpointError, match="started from are other ones now"):
        term.load_state_dict({"origin": "0" * 64})


@pytest.mark.parametrize("setting", [{"strength": -1.0}, {"head_strength": float("nan")}])
def test_strengths_are_numbers_from_zero(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"regularizer.l2sp.{next(iter(setting))}"):
        L2SP(**setting)
