import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import nn

from tlx.errors import ConfigError
from tlx.figures import TASK_FIGURES
from tlx.recipe import build
from tlx.tasks import multilabel
from tlx.tasks.multilabel import Multilabel

NAMES = ("beach", "sunset", "people")


@pytest.fixture
def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    targets = (torch.rand(80, 3, generator=generator) < torch.tensor([0.5, 0.2, 0.7])).float()
    return torch.randn(80, 3, generator=generator) + 1.5 * (targets - 0.5), targets


def scored(outputs: torch.Tensor, targets: torch.Tensor, task: Multilabel | None = None) -> dict[str, object]:
    scores = (task or Multilabel()).scores(NAMES, targets.numpy(), nn.Identity())
    for rows in torch.arange(len(outputs)).split(13):
        scores.update(outputs[rows], targets[rows], rows)
    result: dict[str, object] = scores.result()
    return result


def test_every_figure_equals_that_of_scikit_learn(drawn: tuple[torch.Tensor, torch.Tensor]) -> None:
    outputs, targets = drawn
    found = scored(outputs, targets)["metrics"]
    probabilities, predicted = outputs.sigmoid(), (outputs.sigmoid() >= 0.5).int()
    assert tuple(found) == TASK_FIGURES["multilabel"]
    assert found == pytest.approx(
        {
            "average_precision": metrics.average_precision_score(targets, probabilities, average="macro"),
            "f1": metrics.f1_score(targets, predicted, average="macro"),
            "accuracy": 1 - metrics.hamming_loss(targets, predicted),
            "exact_match": metrics.accuracy_score(targets, predicted),
            "loss": np.mean([metrics.log_loss(targets[:, k], probabilities[:, k]) for k in range(3)]),
            "calibration_error": found["calibration_error"],
        },
        abs=1e-6,
    )


def test_a_class_without_a_positive_is_left_out_of_the_mean(drawn: tuple[torch.Tensor, torch.Tensor]) -> None:
    outputs, targets = drawn
    targets = targets.clone()
    targets[:, 1] = 0
    found = scored(outputs, targets)
    others = [metrics.average_precision_score(targets[:, k], outputs[:, k]) for k in (0, 2)]
    assert found["metrics"]["average_precision"] == pytest.approx(np.mean(others), abs=1e-6)
    assert found["per_class"][1]["average_precision"] is None
    assert found["per_class"][1]["samples"] == 0


def test_beyond_the_limit_average_precision_comes_from_thresholds(
    drawn: tuple[torch.Tensor, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = scored(*drawn)["metrics"]["average_precision"]
    monkeypatch.setattr(multilabel, "EXACT_VALUES", 10)
    scores = Multilabel().scores(NAMES, drawn[1].numpy(), nn.Identity())
    assert scores.figures.precision.thresholds is not None
    assert scored(*drawn)["metrics"]["average_precision"] == pytest.approx(exact, abs=5e-3)


def test_balanced_weighs_a_yes_by_how_rare_it_is() -> None:
    labels = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 1], [0, 1, 1]], dtype=np.uint8)
    criterion = Multilabel(positive_weights="balanced").criterion(labels, NAMES)
    assert criterion.positive.tolist() == pytest.approx([3.0, 3.0, 0.01])
    yes = criterion(torch.zeros(1, 3), torch.tensor([[1.0, 0, 0]])).item()
    assert yes == pytest.approx((3 * np.log(2) + 2 * np.log(2)) / 3, rel=1e-6)


def test_the_loss_without_weights_is_binary_cross_entropy(drawn: tuple[torch.Tensor, torch.Tensor]) -> None:
    outputs, targets = drawn
    found = Multilabel().criterion(targets.numpy(), NAMES)(outputs, targets)
    p = outputs.double().sigmoid()
    by_hand = -(targets * p.log() + (1 - targets) * (1 - p).log()).mean(dim=1)
    torch.testing.assert_close(found.double(), by_hand, atol=1e-6, rtol=0)


def test_a_mistake_names_every_class_and_how_sure_the_worst_answer_was() -> None:
    outputs = torch.tensor([[4.0, -4.0, 2.0], [4.0, -4.0, -3.0]])
    targets = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    (mistake,) = scored(outputs, targets)["mistakes"]
    assert (mistake["id"], mistake["target"], mistake["predicted"]) == (0, "beach|sunset", "beach|people")
    assert mistake["probability"] == pytest.approx(torch.tensor(4.0).sigmoid().item())


def test_predictions_follow_the_threshold() -> None:
    outputs = torch.tensor([[0.0, 1.0, -1.0], [-3.0, -3.0, -3.0]])
    rows = Multilabel(threshold=0.6).predictions(outputs, NAMES)
    assert [row[0] for row in rows] == ["sunset", "none"]
    assert rows[0][1:] == pytest.approx(outputs[0].sigmoid().tolist())
    assert Multilabel().columns(NAMES) == ["classes", *NAMES]


def test_a_temperature_changes_probabilities_and_no_answer() -> None:
    outputs = torch.tensor([[0.2, 1.0, 0.5]])  # of these 1.0 alone is 0.6 sure of a yes, and 0.5 nearly
    (row,) = Multilabel(threshold=0.6).predictions(outputs, NAMES, temperature=0.25)
    assert row[1:] == pytest.approx((4 * outputs[0]).sigmoid().tolist())
    assert row[3] > 0.6
    assert row[0] == Multilabel(threshold=0.6).predictions(outputs, NAMES)[0][0]


def test_the_training_figure_is_the_share_of_right_answers() -> None:
    worth = Multilabel().worth(torch.tensor([[1.0, -1.0, 1.0]]), torch.tensor([[1.0, 0.0, 0.0]]))
    assert worth.tolist() == pytest.approx([2 / 3])


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_threshold_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match="threshold"):
        Multilabel(threshold=value)


def test_a_bundle_builds_it_again_with_its_threshold() -> None:
    assert build(Multilabel(threshold=0.3).describe()).threshold == 0.3
