import json

import numpy as np
import pytest
import torch
from sklearn import metrics

from tlx.errors import ConfigError
from tlx.figures import TASK_FIGURES
from tlx.recipe import build
from tlx.tasks.regression import Regression

NAMES = ("age", "height")


@pytest.fixture
def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randn(70, 2, generator=generator) * torch.tensor([20.0, 0.1]) + torch.tensor([1e4, 1.7])
    return targets + torch.randn(70, 2, generator=generator) * torch.tensor([5.0, 0.05]), targets


def test_the_output_layer_speaks_the_unit_of_the_targets(drawn: tuple[torch.Tensor, torch.Tensor]) -> None:
    _, targets = drawn
    output = Regression().output(targets.numpy(), NAMES)
    torch.testing.assert_close(output(torch.zeros(1, 2))[0], targets.mean(dim=0))
    torch.testing.assert_close(
        output(torch.ones(1, 2))[0] - targets.mean(dim=0),
        targets.std(dim=0, correction=0),
        atol=2e-3,
        rtol=1e-4,
    )
    assert not list(output.parameters())


def test_the_constant_mean_has_loss_one(drawn: tuple[torch.Tensor, torch.Tensor]) -> None:
    _, targets = drawn
    losses = Regression().criterion(targets.numpy(), NAMES)(targets.mean(dim=0).expand(70, 2), targets)
    assert losses.mean().item() == pytest.approx(1.0, rel=1e-4)


def test_each_loss_by_hand() -> None:
    labels = np.array([[0.0], [4.0]], dtype=np.float32)  # standard deviation 2
    outputs, targets = torch.tensor([[1.0], [8.0]]), torch.tensor([[0.0], [2.0]])  # errors 0.5 and 3
    found = {
        loss: Regression(loss=loss).criterion(labels, ("x",))(outputs, targets).tolist()
        for loss in ("mse", "l1", "huber")
    }
    assert found == {"mse": [0.25, 9.0], "l1": [0.5, 3.0], "huber": [0.125, 2.5]}


def test_every_figure_equals_that_of_scikit_learn(drawn: tuple[torch.Tensor, torch.Tensor]) -> None:
    outputs, targets = drawn
    task = Regression()
    output = task.output(targets.numpy(), NAMES)
    scores = task.scores(NAMES, targets.numpy(), output)
    for rows in torch.arange(70).split(16):
        scores.update(outputs[rows], targets[rows], rows)
    found = scores.result()
    assert tuple(found["metrics"]) == TASK_FIGURES["regression"]
    y, p = targets.double(), outputs.double()
    assert found["metrics"]["mae"] == pytest.approx(metrics.mean_absolute_error(y, p))
    roots = metrics.root_mean_squared_error(y, p, multioutput="raw_values")
    assert found["metrics"]["rmse"] == pytest.approx(roots.mean())
    assert found["metrics"]["r2"] == pytest.approx(metrics.r2_score(y, p))
    assert found["metrics"]["loss"] == pytest.approx(((y - p) / output.std.double()).square().mean().item())
    assert [row["rmse"] for row in found["per_class"]] == pytest.approx(roots)
    assert np.sum(found["per_class"][0]["density"]) == 70
    errors = (y - p).abs().mean(dim=1)
    margin = 1.959964 * errors.std().item() / np.sqrt(70)
    mae = errors.mean().item()
    assert found["intervals"]["mae"] == pytest.approx([mae - margin, mae + margin])


def test_the_figures_of_a_validation_are_those_of_the_scores(
    drawn: tuple[torch.Tensor, torch.Tensor],
) -> None:
    outputs, targets = drawn
    task = Regression()
    output = task.output(targets.numpy(), NAMES)
    figures, scores = task.figures(NAMES, 70, output), task.scores(NAMES, targets.numpy(), output)
    figures.update(outputs, targets)
    scores.update(outputs, targets, torch.arange(70))
    assert {name: value.item() for name, value in figures.compute().items()} == scores.result()["metrics"]


def test_the_worst_errors_are_named_in_the_unit_of_the_targets() -> None:
    task, labels = Regression(), np.array([[10.0], [20.0]], dtype=np.float32)
    scores = task.scores(("age",), labels, task.output(labels, ("age",)))
    scores.update(torch.tensor([[11.0], [40.0]]), torch.tensor([[10.0], [20.0]]), torch.tensor([4, 5]))
    worst = scores.result()["mistakes"][0]
    assert (worst["id"], worst["target"], worst["predicted"], worst["probability"]) == (5, "20", "40", None)


def test_a_prediction_is_a_number_for_each_name() -> None:
    assert Regression().columns(NAMES) == ["age", "height"]
    assert Regression().predictions(torch.tensor([[1.0, 2.0]]), NAMES) == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"loss": "l2"}, "task.loss"), ({"loss": "huber", "delta": 0.0}, "delta=0"), ({"delta": 2.0}, "huber")],
)
def test_a_setting_out_of_range_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Regression(**settings)  # type: ignore[arg-type]


def test_a_bundle_builds_it_again_and_weights_fill_the_layer() -> None:
    again = build(Regression(loss="huber", delta=0.5).describe())
    assert (again.loss, again.delta) == ("huber", 0.5)
    assert set(again.output(None, NAMES).state_dict()) == {"mean", "std"}


def test_numbers_that_never_vary_have_no_r_squared_and_json_can_hold_that() -> None:
    task, labels = Regression(), np.array([[1.0, 1.0], [2.0, 3.0]], dtype=np.float32)
    scores = task.scores(NAMES, labels, task.output(labels, NAMES))
    scores.update(
        torch.tensor([[5.0, 1.0], [6.0, 2.0]]), torch.tensor([[4.0, 1.0], [4.0, 3.0]]), torch.arange(2)
    )
    found = scores.result()
    assert [row["r2"] for row in found["per_class"]] == [None, pytest.approx(0.5)]
    assert found["metrics"]["r2"] == pytest.approx(0.5)
    one = task.scores(NAMES, labels, task.output(labels, NAMES))
    one.update(torch.zeros(1, 2), torch.ones(1, 2), torch.arange(1))
    assert one.result()["metrics"]["r2"] is None
    json.dumps(one.result(), allow_nan=False)
