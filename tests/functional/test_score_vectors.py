import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tlx.functional.keyed_draws import keyed_uniform
from tlx.functional.score_vectors import drawn_scores, exact_scores, scores

LOGITS = torch.tensor([[0.2, -1.0, 3.0, 0.0], [5.0, 5.0, -5.0, 1.0]], dtype=torch.float64)


def covariance(vectors) -> torch.Tensor:
    return sum(vector[:, :, None] * vector[:, None, :] for vector in vectors)


@given(st.lists(st.floats(-300, 300), min_size=2, max_size=8))
def test_vectors_of_a_class_give_its_covariance(logits: list[float]) -> None:
    values = torch.tensor([logits], dtype=torch.float64)
    p = values.softmax(1)[0]
    vectors = list(exact_scores(values))
    assert len(vectors) == len(logits) - 1
    assert torch.allclose(covariance(vectors)[0], p.diag() - p.outer(p), rtol=1e-12, atol=1e-15)


def test_vectors_are_those_of_the_sum_over_classes() -> None:
    p = LOGITS.softmax(1)
    textbook = (p[:, c, None].sqrt() * scores(LOGITS, torch.full((2,), c)) for c in range(4))
    assert torch.allclose(covariance(exact_scores(LOGITS)), covariance(textbook), atol=1e-15)


@pytest.mark.parametrize(
    ("likelihood", "targets"),
    [("categorical", [2, 0]), ("bernoulli", [[1, 0, 1, 0], [0, 0, 1, 1]]), ("gaussian", [[1, 2, 3, 4]] * 2)],
)
def test_scores_are_gradients_of_log_likelihoods(likelihood, targets) -> None:
    logits, targets = LOGITS.clone().requires_grad_(), torch.tensor(targets)
    loss = {
        "categorical": lambda: torch.nn.functional.cross_entropy(logits, targets, reduction="sum"),
        "bernoulli": lambda: torch.nn.functional.binary_cross_entropy_with_logits(
            logits, targets.double(), reduction="sum"
        ),
        "gaussian": lambda: ((logits - targets) ** 2).sum() / 2,
    }[likelihood]()
    (expected,) = torch.autograd.grad(-loss, logits)
    assert torch.allclose(scores(LOGITS, targets, likelihood), expected, atol=1e-14)


@pytest.mark.parametrize("likelihood", ["categorical", "bernoulli", "gaussian"])
def test_draws_come_to_the_exact_covariance(likelihood) -> None:
    """20 000 draws: a standard error of at most about 0.01."""
    logits = torch.tensor([[0.2, -1.0, 1.0]], dtype=torch.float64)
    width = 1 if likelihood == "categorical" else 3
    uniform = keyed_uniform(0, torch.arange(1), 20_000 * width).view(1, 20_000, width)
    drawn = covariance(drawn_scores(logits, uniform, likelihood))
    assert (drawn - covariance(exact_scores(logits, likelihood))).abs().max() < 0.03


def test_a_class_without_probability_is_never_drawn() -> None:
    logits = torch.tensor([[-1e4, 0.0, 0.0, -1e4]])
    for chance in (0.0, 0.4, 1 - 2.0**-53):
        (vector,) = drawn_scores(logits, torch.tensor([[[chance]]], dtype=torch.float64))
        assert vector[0, 0] == 0 and vector[0, 3] == 0


def test_a_network_that_is_sure_has_no_information_left_and_no_nan() -> None:
    for vector in exact_scores(torch.tensor([[1e4, 0.0, -1e4]])):
        assert torch.equal(vector, torch.zeros(1, 3).double())
