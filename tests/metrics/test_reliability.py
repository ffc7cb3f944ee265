import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from tlx.metrics.reliability import Reliability


def test_the_error_equals_that_of_torchmetrics() -> None:
    generator = torch.Generator().manual_seed(0)
    probabilities = (3 * torch.randn(500, 7, generator=generator)).softmax(dim=1)
    targets = torch.randint(7, (500,), generator=generator)
    metric = Reliability(bins=15)
    for part in range(0, 500, 64):
        metric.update(probabilities[part : part + 64], targets[part : part + 64])
    expected = multiclass_calibration_error(probabilities, targets, num_classes=7, n_bins=15)
    assert float(metric.compute()) == pytest.approx(float(expected), abs=1e-6)


def test_the_diagram_by_hand() -> None:
    metric = Reliability(bins=2)
    metric.update(torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]]), torch.tensor([0, 0, 1]))
    low, high = metric.diagram()
    assert low == {"low": 0.0, "high": 0.5, "count": 1, "confidence": 0.5, "accuracy": 0.0}
    assert (high["count"], high["accuracy"]) == (2, 0.5)
    assert high["confidence"] == pytest.approx(0.85)
    assert float(metric.compute()) == pytest.approx((0.5 + 0.7) / 3)


def test_an_empty_bin_says_nothing() -> None:
    metric = Reliability(bins=3)
    metric.update(torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    assert [row["accuracy"] for row in metric.diagram()] == [None, None, 1.0]


def test_an_error_by_hand() -> None:
    sure = torch.tensor([0.95, 0.95, 0.65, 0.65])
    metric = Reliability()
    metric.update(torch.stack([sure, 1 - sure], dim=1), torch.tensor([0, 1, 0, 0]))
    assert float(metric.compute()) == pytest.approx(0.40, abs=1e-7)
