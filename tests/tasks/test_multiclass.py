import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import nn
from torch.nn import functional as F

from tlx.errors import ConfigError
from tlx.figures import TASK_FIGURES
from tlx.recipe import build
from tlx.tasks.multiclass import Multiclass

NAMES = ("ant", "bee", "cow", "dog")


@pytest.fixture
def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(4, (90,), generator=generator)
    return torch.randn(90, 4, generator=generator) + 1.5 * F.one_hot(targets, 4), targets


def test_the_loss_is_smoothed_cross_entropy_of_each_sample(drawn: tuple[torch.Tensor, torch.Tensor]) -> None:
    outputs, targets = drawn
    found = Multiclass(label_smoothing=0.2).criterion(targets.numpy(), NAMES)(outputs, targets)
    log = outputs.log_softmax(dim=1)
    torch.testing.assert_close(found, -(0.8 * log[range(90), targets] + 0.2 * log.mean(dim=1)))


def test_balanced_weights_give_every_class_the_same_weight_in_all() -> None:
    labels = np.array([0] * 6 + [1] * 2 + [2, 3])
    criterion = Multiclass(class_weights="balanced").criterion(labels, NAMES)
    assert criterion.weights.tolist() == pytest.approx([10 / 24, 10 / 8, 10 / 4, 10 / 4])
    assert criterion.weights[torch.tensor(labels)].mean().item() == pytest.approx(1.0)
    losses = criterion(torch.zeros(2, 4), torch.tensor([0, 1]))
    assert (losses[1] / losses[0]).item() == pytest.approx(3.0)


def test_weights_by_name_leave_the_others_at_one() -> None:
    criterion = Multiclass(class_weights={"cow": 2.5}).criterion(np.arange(4), NAMES)
    assert criterion.weights.tolist() == [1.0, 1.0, 2.5, 1.0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("evenly", "task.class_weights='evenly'"),
        ({"cow": 0}, "task.class_weights of cow=0"),
        ({"cow": float("nan")}, "task.class_weights of cow=nan"),
    ],
)
def test_weights_that_are_none_are_refused(given: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Multiclass(class_weights=given)  # type: ignore[arg-type]


def test_a_weight_for_a_class_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"class of task.class_weights 'cat'.*ant"):
        Multiclass(class_weights={"cat": 2}).criterion(np.arange(4), NAMES)


@pytest.mark.parametrize("value", [1.0, -0.1])
def test_label_smoothing_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match="label_smoothing"):
        Multiclass(label_smoothing=value)


def test_every_figure_equals_that_of_scikit_learn(drawn: tuple[torch.Tensor, torch.Tensor]) -> None:
    outputs, targets = drawn
    scores = Multiclass().scores(NAMES, targets.numpy(), nn.Identity())
    for rows in torch.arange(90).split(16):
        scores.update(outputs[rows], targets[rows], rows)
    found, predicted = scores.result(), outputs.argmax(1)
    assert found["samples"] == 90
    assert tuple(found["metrics"]) == TASK_FIGURES["multiclass"]
    assert found["metrics"]["accuracy"] == pytest.approx(metrics.accuracy_score(targets, predicted))
    assert found["metrics"]["f1"] == pytest.approx(metrics.f1_score(targets, predicted, average="macro"))
    loss = metrics.log_loss(targets, outputs.double().softmax(1))
    assert found["metrics"]["loss"] == pytest.approx(loss, abs=1e-6)
    assert found["confusion"] == metrics.confusion_matrix(targets, predicted).tolist()
    expected = metrics.precision_recall_fscore_support(targets, predicted)
    for number, row in enumerate(found["per_class"]):
        values = [row["precision"], row["recall"], row["f1"], row["samples"]]
        assert values == pytest.approx([column[number] for column in expected])
    assert sum(bin_["count"] for bin_ in found["reliability"]) == 90


def test_mistakes_are_the_wrong_ones_by_name_worst_first() -> None:
    scores = Multiclass().scores(NAMES, np.arange(4), nn.Identity())
    outputs = torch.tensor([[9.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 5.0, 0]])
    scores.update(outputs, torch.tensor([1, 0, 2]), torch.tensor([7, 8, 9]))
    first, second = scores.result()["mistakes"]
    assert (first["id"], first["target"], first["predicted"]) == (7, "bee", "ant")
    assert first["probability"] == pytest.approx(outputs[0].softmax(0)[0].item())
    assert second["id"] == 8


def test_a_prediction_is_a_class_and_its_probability() -> None:
    rows = Multiclass().predictions(torch.tensor([[0.0, 0.0, 3.0, 0.0]]), NAMES)
    assert rows == [["cow", pytest.approx(torch.tensor([0.0, 0, 3, 0]).softmax(0)[2].item())]]
    assert Multiclass().columns(NAMES) == ["class", "probability"]


def test_a_temperature_changes_the_probability_and_no_class(drawn: tuple[torch.Tensor, torch.Tensor]) -> None:
    outputs, _ = drawn
    plain, calibrated = (Multiclass().predictions(outputs, NAMES, temperature) for temperature in (1.0, 2.5))
    assert plain == Multiclass().predictions(outputs, NAMES)
    assert [row[0] for row in calibrated] == [row[0] for row in plain]
    sure = (outputs / 2.5).softmax(1).max(1).values.tolist()
    assert [row[1] for row in calibrated] == pytest.approx(sure)


def test_a_bundle_builds_it_again() -> None:
    assert build(Multiclass(monitor="val/f1").describe()).monitor == "val/f1"
