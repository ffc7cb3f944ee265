import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F

from tlx.errors import ConfigError
from tlx.functional.calibration import (
    HIGH,
    LOW,
    Temperature,
    best_temperature,
    fit_temperature,
    likelihood_sums,
)
from tlx.metrics.reliability import Reliability


def drawn(seed: int, samples: int = 200, classes: int = 5, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    """Logits that tell the class at times, in double precision."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(classes, (samples,), generator=generator)
    noise = torch.randn(samples, classes, generator=generator, dtype=torch.float64)
    return scale * (noise + F.one_hot(targets, classes)), targets


def answers(seed: int, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    """Logits of several answers for each sample, and the answers."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(150, 3, generator=generator, dtype=torch.float64)
    chance = torch.rand(150, 3, generator=generator, dtype=torch.float64)
    return scale * logits, (chance < logits.sigmoid()).to(torch.uint8)


@pytest.mark.parametrize(("classes", "right", "samples"), [(2, 2, 3), (3, 6, 8), (10, 1, 2)])
def test_the_temperature_gives_the_share_that_is_right(classes: int, right: int, samples: int) -> None:
    """All samples alike: the certainty e^(a/T) / (e^(a/T) + K - 1) must be the share that is right."""
    logits = torch.zeros(samples, classes)
    logits[:, 0] = 4.0
    targets = torch.tensor([0] * right + [1] * (samples - right))
    share = right / samples
    by_hand = 4.0 / math.log((classes - 1) * share / (1 - share))
    found = fit_temperature(logits, targets)
    assert found == (pytest.approx(by_hand, rel=1e-12), "minimum")
    assert (logits[0] / found.value).softmax(0)[0].item() == pytest.approx(share)


@pytest.mark.parametrize("make", [drawn, answers])
@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 20))
@settings(max_examples=30, deadline=None)
def test_logits_times_a_number_have_the_temperature_times_it(make, seed, scale):
    logits, targets = make(seed)
    one = fit_temperature(logits, targets)
    assert one.ended == "minimum"
    assert fit_temperature(scale * logits, targets).value == pytest.approx(scale * one.value, rel=1e-10)


@pytest.mark.parametrize("scale", [0.1, 1.0, 15.0])
def test_scipy_finds_the_same_minimum(scale: float) -> None:
    for make, loss in ((drawn, F.cross_entropy), (answers, F.binary_cross_entropy_with_logits)):
        logits, targets = make(3, scale=scale)
        wanted = targets if targets.ndim == 1 else targets.double()

        def mean_loss(log_sharpness: float, z: Tensor = logits, y: Tensor = wanted, of=loss) -> float:
            return of(z * math.exp(log_sharpness), y).item()

        found = minimize_scalar(mean_loss, bounds=(-4.6, 4.6), method="bounded", options={"xatol": 1e-12})
        value = fit_temperature(logits, targets).value
        assert value == pytest.approx(math.exp(-found.x), rel=1e-6)  # the root of what doubles hold
        assert mean_loss(-math.log(value)) <= found.fun + 1e-15


def test_scikit_learn_finds_the_same_temperature() -> None:
    x, y = load_digits(return_X_y=True)
    classifier = LogisticRegression(C=100.0, max_iter=300).fit(x[:200], y[:200])
    reference = CalibratedClassifierCV(FrozenEstimator(classifier), method="temperature")
    reference.fit(x[200:1000], y[200:1000])
    (calibrated,) = reference.calibrated_classifiers_
    logits = torch.tensor(classifier.decision_function(x[200:1000]))
    found = fit_temperature(logits, torch.tensor(y[200:1000]))
    assert found.value == pytest.approx(1 / float(calibrated.calibrators[0].beta_), rel=1e-6)
    assert found.value > 1.5


@pytest.mark.parametrize("make", [drawn, answers])
def test_the_sums_are_those_that_autograd_gives(make) -> None:  # type: ignore[no-untyped-def]
    logits, targets = make(1)
    sharpness = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    scaled = sharpness * logits
    loss = (
        F.cross_entropy(scaled, targets, reduction="sum")
        if targets.ndim == 1
        else F.binary_cross_entropy_with_logits(scaled, targets.double(), reduction="sum")
    )
    (slope,) = torch.autograd.grad(loss, sharpness, create_graph=True)
    (curvature,) = torch.autograd.grad(slope, sharpness)
    expected = torch.stack([loss.new_tensor(float(targets.numel())), loss, slope, curvature]).detach()
    torch.testing.assert_close(likelihood_sums(logits, targets, 0.7), expected, rtol=1e-12, atol=1e-10)


def test_an_answer_is_a_choice_between_its_logit_and_zero() -> None:
    logits, targets = answers(2)
    pairs = torch.stack([torch.zeros_like(logits), logits], dim=2).reshape(-1, 2)
    expected = likelihood_sums(pairs, targets.flatten(), 1.3)
    torch.testing.assert_close(likelihood_sums(logits, targets, 1.3), expected, rtol=1e-12, atol=1e-12)


def test_parts_of_the_samples_add_up() -> None:
    logits, targets = drawn(4)
    parts = [likelihood_sums(logits[n::3], targets[n::3].int(), 2.0) for n in range(3)]
    whole = likelihood_sums(logits, targets, 2.0)
    torch.testing.assert_close(torch.stack(parts).sum(0), whole, rtol=1e-13, atol=0)


def test_no_class_changes() -> None:
    logits, targets = drawn(5, scale=7.0)
    found = fit_temperature(logits, targets)
    assert torch.equal((logits / found.value).argmax(1), logits.argmax(1))


def test_where_every_sample_is_right_the_bound_is_given_and_said() -> None:
    targets = torch.arange(4) % 3
    assert fit_temperature(F.one_hot(targets) * 2.0, targets) == Temperature(LOW, "low")
    assert fit_temperature(torch.tensor([[3.0, -1.0]]), torch.tensor([[1, 0]])) == Temperature(LOW, "low")


def test_one_wrong_sample_among_many_bounds_the_certainty() -> None:
    logits = torch.tensor([[2.0, 0.0]] * 1000)
    targets = torch.tensor([0] * 999 + [1])
    assert fit_temperature(logits, targets) == (pytest.approx(2 / math.log(999)), "minimum")


def test_where_equal_probabilities_are_best_the_other_bound_is_given_and_said() -> None:
    logits = torch.tensor([[2.0, 0.0]] * 4)
    assert fit_temperature(logits, torch.tensor([1, 1, 1, 0])) == Temperature(HIGH, "high")
    assert fit_temperature(logits, torch.tensor([1, 0, 1, 0])) == Temperature(HIGH, "high")


@pytest.mark.parametrize("classes", [1, 4])
def test_equal_logits_have_no_temperature(classes: int) -> None:
    logits, targets = torch.full((6, classes), 1.5), torch.zeros(6, dtype=torch.long)
    assert fit_temperature(logits, targets) == Temperature(1.0, "flat")
    assert fit_temperature(torch.zeros(6, 2), torch.tensor([[0, 1]] * 6)) == Temperature(1.0, "flat")


def test_a_class_that_is_ruled_out_counts_for_nothing() -> None:
    logits, targets = drawn(6)
    masked = torch.cat([logits, torch.full((200, 1), -math.inf, dtype=torch.float64)], dim=1)
    assert fit_temperature(masked, targets).value == pytest.approx(
        fit_temperature(logits, targets).value, rel=1e-12
    )
    logits, targets = answers(6)
    sure = torch.cat([logits, torch.full((150, 1), -math.inf, dtype=torch.float64)], dim=1)
    none = torch.cat([targets, torch.zeros(150, 1, dtype=torch.uint8)], dim=1)
    assert fit_temperature(sure, none).value == pytest.approx(
        fit_temperature(logits, targets).value, rel=1e-12
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("make", [drawn, answers])
def test_logits_that_are_no_numbers_are_refused(make, value):  # type: ignore[no-untyped-def]
    logits, targets = make(7)
    place = int(targets[3]) if targets.ndim == 1 else int(targets[3, 0])
    if targets.ndim == 1:
        logits[3, place] = value
    else:
        logits[3, 0] = value if math.isnan(value) or (value < 0) == (place == 1) else -value
    with pytest.raises(ConfigError, match="finite numbers"):
        fit_temperature(logits, targets)


def test_no_sample_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        fit_temperature(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))


@given(
    seed=st.integers(0, 10_000),
    samples=st.integers(1, 30),
    classes=st.integers(2, 4),
    exponent=st.floats(-3, 3),
)
@settings(max_examples=60, deadline=None)
def test_every_sample_set_has_an_answer_in_few_passes(seed, samples, classes, exponent):
    logits, targets = drawn(seed, samples, classes, 10.0**exponent)
    passes = 0

    def sums_at(sharpness: float) -> Tensor:
        nonlocal passes
        passes += 1
        return likelihood_sums(logits, targets, sharpness)

    found = best_temperature(sums_at)
    losses = [
        likelihood_sums(logits, targets, 1 / value)[1].item()
        for value in (found.value, *(min(max(found.value * by, LOW), HIGH) for by in (0.8, 1.25)))
    ]
    assert losses[0] <= min(losses[1:]) + 1e-12 * abs(losses[0])
    assert passes <= 25


def test_a_network_that_is_too_sure_is_better_calibrated_on_samples_it_never_saw() -> None:
    generator = torch.Generator().manual_seed(0)
    truth = 2 * torch.randn(6000, 5, generator=generator)
    targets = torch.multinomial(truth.softmax(1), 1, generator=generator).squeeze(1)
    logits = 3 * truth
    found = fit_temperature(logits[:3000], targets[:3000])
    assert found.value == pytest.approx(3.0, rel=0.1)
    errors = []
    for temperature in (1.0, found.value):
        metric = Reliability()
        metric.update((logits[3000:] / temperature).softmax(1), targets[3000:])
        errors.append(float(metric.compute()))
    assert errors[0] > 0.1 and errors[1] < 0.03
