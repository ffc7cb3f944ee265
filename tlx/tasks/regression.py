"""One or several numbers for each sample."""

import math
from collections.abc import Sequence
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tlx.errors import bad_value, unknown_name
from tlx.figures import known
from tlx.metrics.density import Density
from tlx.metrics.tally import Tally
from tlx.metrics.worst import Worst
from tlx.types import Targets

__all__ = ["Regression", "Scale"]

Loss = Literal["mse", "l1", "huber"]


class Scale(nn.Module):
    """Turns standardised outputs into the targets' unit: y = mean + std * x.

    Args:
        mean: Of the training targets, shape (R,).
        std: Their standard deviation, shape (R,), > 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, outputs: Tensor) -> Tensor:
        """Numbers in the targets' unit, shape (B, R), of standardised ones."""
        return self.mean + self.std * outputs.float()


class Regression:
    r"""R numbers, each learnt in units of its spread.

    The head predicts standardised targets and a fixed layer turns them into the targets' unit,
    so rates mean the same whatever the unit is. The loss of a sample is the mean over the R
    numbers of :math:`\ell((\hat y_r - y_r) / s_r)`, with :math:`s_r` the standard deviation in
    training: 1 is what the constant mean scores under mse.

    Args:
        monitor: The value that selects the epoch.
        loss: :math:`\ell`: "mse" :math:`e^2`; "l1" :math:`|e|`; "huber" :math:`e^2 / 2` up to
            :math:`\delta`, then :math:`\delta (|e| - \delta / 2)` (Huber 1964).
        delta: Of huber, in standard deviations, > 0.

    Raises:
        ConfigError: A value is out of its range.
    """

    name = "regression"
    targets: Targets = "numbers"

    def __init__(self, monitor: str = "val/loss", loss: str = "mse", delta: float = 1.0) -> None:
        if loss not in get_args(Loss):
            raise unknown_name("task.loss", loss, get_args(Loss))
        if not (math.isfinite(delta) and delta > 0):
            raise bad_value("task.delta", delta, "a number > 0")
        if loss != "huber" and delta != 1.0:
            raise bad_value(
                "task.delta", delta, f"1.0 with task.loss={loss}, which has none", "task.loss=huber"
            )
        self.monitor, self.loss, self.delta = monitor, loss, delta

    def describe(self) -> dict[str, Any]:
        """What `recipe.build` makes this task of again, for a bundle."""
        return {
            "_target_": "tlx.tasks.regression.Regression",
            "monitor": self.monitor,
            "loss": self.loss,
            "delta": self.delta,
        }

    def output(self, labels: NDArray[Any] | None, classes: Sequence[str]) -> nn.Module:
        """The layer from standardised outputs to the targets' unit; it never trains.

        Args:
            labels: Of the training samples, shape (N, R); None where weights will fill the layer.
            classes: The R names.
        """
        if labels is None:
            return Scale(torch.zeros(len(classes)), torch.ones(len(classes)))
        mean, std = labels.mean(axis=0, dtype=np.float64), labels.std(axis=0, dtype=np.float64)
        return Scale(torch.tensor(mean).float(), torch.tensor(std).float())

    def criterion(self, labels: NDArray[np.float32], classes: Sequence[str]) -> nn.Module:
        """The training loss: (B, R) and (B, R) to (B,)."""
        std = torch.tensor(labels.std(axis=0, dtype=np.float64)).float()
        return StandardisedError(std, self.loss, self.delta)

    def worth(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean absolute error of each sample, shape (B,)."""
        return (outputs - targets).abs().mean(dim=1)

    def figures(self, classes: Sequence[str], samples: int, output: nn.Module) -> nn.Module:
        """The figures of every validation, in the units of the network's output layer."""
        return RegressionFigures(output)

    def scores(self, classes: Sequence[str], labels: NDArray[Any], output: nn.Module) -> nn.Module:
        """Everything that is measured once, at the end; `labels` give the range of the diagram."""
        return RegressionScores(tuple(classes), output, labels.min(axis=0), labels.max(axis=0))

    def columns(self, classes: Sequence[str]) -> list[str]:
        """The header of predictions, behind the input."""
        return list(classes)

    def predictions(
        self, outputs: Tensor, classes: Sequence[str], temperature: float = 1.0
    ) -> list[list[Any]]:
        """One row of R numbers per sample, which have no temperature."""
        rows: list[list[Any]] = outputs.tolist()
        return rows


class StandardisedError(nn.Module):
    """The loss of each sample in units of the targets' spread, (B, R) and (B, R) to (B,)."""

    std: Tensor

    def __init__(self, std: Tensor, loss: str, delta: float) -> None:
        super().__init__()
        self.register_buffer("std", std, persistent=False)
        self.loss, self.delta = loss, delta

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        errors = (outputs - targets) / self.std
        if self.loss == "mse":
            return errors.square().mean(dim=1)
        if self.loss == "l1":
            return errors.abs().mean(dim=1)
        return F.huber_loss(errors, torch.zeros_like(errors), delta=self.delta, reduction="none").mean(dim=1)


class RegressionFigures(nn.Module):
    """Mean absolute error, root mean square error, R squared, and the loss.

    Over several numbers each figure is the mean of theirs. A number that never varies on the
    split that is measured has no R squared. The loss is the mean square error in
    units of the variance in training, whatever the training loss is.

    Args:
        output: The network's `Scale`.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, output: nn.Module) -> None:
        super().__init__()
        scale = cast("Scale", output)
        self.register_buffer("mean", scale.mean.detach().double().clone(), persistent=False)
        self.register_buffer("std", scale.std.detach().double().clone(), persistent=False)
        self.tally = Tally(4 * len(self.std) + 2)

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Add a batch of outputs (B, R) and targets (B, R)."""
        errors = (outputs.double() - targets.double()) / self.std
        known = (targets.double() - self.mean) / self.std
        whole = (errors * self.std).abs().mean(dim=1, keepdim=True)
        self.tally.update(
            torch.cat([errors.abs(), errors.square(), known, known.square(), whole, whole.square()], dim=1)
        )

    def each(self) -> dict[str, Tensor]:
        """`mae`, `rmse`, `r2` and `loss` of each number, shape (R,)."""
        samples, totals = self.tally.compute()
        absolute, square, first, second = totals[:-2].reshape(4, -1)
        spread = (second - first.square() / samples).clamp(min=0)
        return {
            "mae": self.std * absolute / samples,
            "rmse": self.std * (square / samples).sqrt(),
            "r2": torch.where(spread > 0, 1 - square / spread, torch.nan),
            "loss": square / samples,
        }

    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the mean absolute error, by the normal distribution over samples."""
        samples, totals = self.tally.compute()
        if samples < 2:
            return None
        total, squares = totals[-2:].tolist()
        mean = total / samples
        variance = max(squares - samples * mean**2, 0.0) / (samples - 1)
        margin = 1.959964 * math.sqrt(variance / samples)
        return max(mean - margin, 0.0), mean + margin

    def compute(self) -> dict[str, Tensor]:
        """The figures, over all ranks."""
        return {name: values.nanmean() for name, values in self.each().items()}

    def reset(self) -> None:
        """Start anew."""
        self.tally.reset()


class RegressionScores(nn.Module):
    """The figures, a line per number, targets against predictions, and the worst mistakes."""

    def __init__(
        self, classes: tuple[str, ...], output: nn.Module, low: NDArray[Any], high: NDArray[Any]
    ) -> None:
        super().__init__()
        self.classes = classes
        self.range = list(zip(low.tolist(), high.tolist(), strict=True))
        self.figures = RegressionFigures(output)
        self.density = Density(torch.tensor(low), torch.tensor(high))
        self.worst = Worst(width=2 * len(classes))

    def update(self, outputs: Tensor, targets: Tensor, ids: Tensor) -> None:
        """Add a batch of outputs (B, R), targets (B, R) and ids (B,)."""
        self.figures.update(outputs, targets)
        self.density.update(outputs, targets)
        losses = ((outputs.double() - targets.double()) / self.figures.std).square().mean(dim=1)
        self.worst.update(losses, ids, torch.cat([targets.double(), outputs.double()], dim=1))

    def result(self) -> dict[str, Any]:
        """An entry of evaluation.json."""
        each = {name: values.tolist() for name, values in self.figures.each().items()}
        interval, density = self.figures.interval(), self.density.compute().cpu().tolist()
        samples, _ = self.figures.tally.compute()
        return {
            "samples": samples,
            "metrics": {name: known(float(value)) for name, value in self.figures.compute().items()},
            "intervals": {"mae": list(interval)} if interval else {},
            "per_class": [
                {
                    "name": name,
                    "samples": samples,
                    **{part: known(values[r]) for part, values in each.items()},
                    "low": self.range[r][0],
                    "high": self.range[r][1],
                    "density": density[r],
                }
                for r, name in enumerate(self.classes)
            ],
            "mistakes": [self._mistake(*row) for row in self.worst.compute()],
        }

    def _mistake(self, loss: float, number: int, values: list[float]) -> dict[str, Any]:
        known, found = values[: len(self.classes)], values[len(self.classes) :]
        return {
            "id": number,
            "target": self._said(known),
            "predicted": self._said(found),
            "probability": None,
            "loss": loss,
        }

    def _said(self, numbers: list[float]) -> str:
        if len(numbers) == 1:
            return f"{numbers[0]:.4g}"
        return ", ".join(f"{name} {value:.4g}" for name, value in zip(self.classes, numbers, strict=True))
