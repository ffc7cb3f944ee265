"""Any number of K classes for each sample."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import (
    MultilabelAccuracy,
    MultilabelAveragePrecision,
    MultilabelExactMatch,
    MultilabelF1Score,
    MultilabelPrecision,
    MultilabelRecall,
)

from tlx.errors import bad_value
from tlx.figures import TASK_FIGURES, known
from tlx.metrics.counting import in_any_order
from tlx.metrics.reliability import Reliability
from tlx.metrics.tally import Tally
from tlx.metrics.worst import Worst
from tlx.tasks.weights import check_weights, weights_by_name
from tlx.types import Targets

__all__ = ["Multilabel"]

EXACT_VALUES = 20_000_000
"""Up to so many answers average precision keeps every one (8 bytes each); beyond, 2000 thresholds."""


class Multilabel:
    r"""K answers of yes or no, each by a sigmoid, and binary cross-entropy.

    The loss of a sample is :math:`-\frac1K \sum_k p_k y_k \log \sigma(z_k) + (1 - y_k) \log \sigma(-z_k)`,
    averaged over the batch, with p the weight of a yes.

    Args:
        monitor: The value that selects the epoch.
        threshold: A class is predicted where its probability is at least this, in (0, 1), before any
            temperature. Average precision and the monitored default do not depend on it.
        positive_weights: None; "balanced", the number of noes over that of yeses in training,
            between 0.01 and 100; or a weight > 0 for each class by its name, 1 for those not named.

    Raises:
        ConfigError: A value is out of its range.
    """

    name = "multilabel"
    targets: Targets = "classes"

    def __init__(
        self,
        monitor: str = "val/average_precision",
        threshold: float = 0.5,
        positive_weights: str | Mapping[str, float] | None = None,
    ) -> None:
        if not 0 < threshold < 1:
            raise bad_value("task.threshold", threshold, "a probability in (0, 1)")
        check_weights("task.positive_weights", positive_weights)
        self.monitor = monitor
        self.threshold = threshold
        self.positive_weights = positive_weights

    def describe(self) -> dict[str, Any]:
        """What `recipe.build` makes this task of again, for a bundle."""
        return {
            "_target_": "tlx.tasks.multilabel.Multilabel",
            "monitor": self.monitor,
            "threshold": self.threshold,
        }

    def output(self, labels: NDArray[Any] | None, classes: Sequence[str]) -> nn.Module:
        """What stands on the head: nothing."""
        return nn.Identity()

    def criterion(self, labels: NDArray[np.uint8], classes: Sequence[str]) -> nn.Module:
        """The training loss: (B, K) and (B, K) to (B,).

        Args:
            labels: Of the training samples, shape (N, K).
            classes: The K names.
        """
        if self.positive_weights == "balanced":
            yes = labels.sum(axis=0, dtype=np.int64)
            weights = np.clip((len(labels) - yes) / np.maximum(yes, 1), 0.01, 100.0)
        else:
            weights = weights_by_name("task.positive_weights", self.positive_weights, classes)
        return BinaryCrossEntropy(torch.tensor(weights, dtype=torch.float32))

    def worth(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Share of right answers of each sample, shape (B,); its mean is the training accuracy."""
        return ((outputs.sigmoid() >= self.threshold) == (targets > 0.5)).float().mean(dim=1)

    def figures(self, classes: Sequence[str], samples: int, output: nn.Module) -> nn.Module:
        """The figures of every validation on so many samples."""
        return MultilabelFigures(len(classes), samples, self.threshold)

    def scores(self, classes: Sequence[str], labels: NDArray[Any], output: nn.Module) -> nn.Module:
        """Everything that is measured once, at the end."""
        return MultilabelScores(tuple(classes), len(labels), self.threshold)

    def columns(self, classes: Sequence[str]) -> list[str]:
        """The header of predictions, behind the input."""
        return ["classes", *classes]

    def predictions(
        self, outputs: Tensor, classes: Sequence[str], temperature: float = 1.0
    ) -> list[list[Any]]:
        """One row per sample: the classes at or above the threshold, then every probability.

        The threshold is that of the figures, for probabilities without a temperature; it is another one
        for probabilities with it, unless it is 0.5.
        """
        chosen = (outputs.sigmoid() >= self.threshold).tolist()
        rows = (outputs / temperature).sigmoid().tolist()
        return [[_joined(classes, yes), *row] for yes, row in zip(chosen, rows, strict=True)]


class BinaryCrossEntropy(nn.Module):
    """Mean over K of binary cross-entropy per sample, (B, K) and (B, K) to (B,)."""

    positive: Tensor

    def __init__(self, positive: Tensor) -> None:
        super().__init__()
        self.register_buffer("positive", positive, persistent=False)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        losses = F.binary_cross_entropy_with_logits(
            outputs.float(), targets.float(), pos_weight=self.positive, reduction="none"
        )
        return losses.mean(dim=1)


class MultilabelFigures(nn.Module):
    """Average precision, macro F1, accuracy, exact match, loss and calibration error.

    A class without a positive sample has no average precision and is left out of the mean.
    """

    def __init__(self, count: int, samples: int, threshold: float) -> None:
        super().__init__()
        bins = None if count * samples <= EXACT_VALUES else 2000
        self.precision = MultilabelAveragePrecision(count, average="none", thresholds=bins)
        self.rates = MetricCollection(
            {
                "f1": MultilabelF1Score(count, threshold, average="macro"),
                "accuracy": MultilabelAccuracy(count, threshold, average="micro"),
                "exact_match": MultilabelExactMatch(count, threshold),
            }
        )
        self.loss = MeanMetric()
        self.reliability = Reliability()
        self.positives = Tally(count)

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Add a batch of outputs (B, K) and targets (B, K)."""
        probabilities, answers = outputs.sigmoid(), targets.long()
        self.positives.update(answers)
        with in_any_order():
            self.precision.update(probabilities, answers)
            self.rates.update(probabilities, answers)
        yes = probabilities.flatten()
        self.reliability.update(torch.stack([1 - yes, yes], dim=1), answers.flatten())
        self.loss.update(F.binary_cross_entropy_with_logits(outputs, targets.float(), reduction="none"))

    def per_class(self) -> Tensor:
        """Average precision of each class, shape (K,); nan without a positive sample."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="No positive samples")
            values: Tensor = self.precision.compute()
        _, positives = self.positives.compute()
        return torch.where(positives > 0, values, torch.nan)

    def compute(self) -> dict[str, Tensor]:
        """The figures, over all ranks."""
        measured = {
            "average_precision": self.per_class().nanmean(),
            **self.rates.compute(),
            "loss": self.loss.compute(),
            "calibration_error": self.reliability.compute(),
        }
        return {name: measured[name] for name in TASK_FIGURES["multilabel"]}

    def reset(self) -> None:
        """Start anew."""
        for metric in (self.precision, self.rates, self.loss, self.reliability, self.positives):
            metric.reset()


class MultilabelScores(nn.Module):
    """The figures, a line per class, the diagram of all answers and the worst mistakes."""

    def __init__(self, classes: tuple[str, ...], samples: int, threshold: float) -> None:
        super().__init__()
        self.classes, self.threshold = classes, threshold
        count = len(classes)
        self.figures = MultilabelFigures(count, samples, threshold)
        self.details = MetricCollection(
            {
                "precision": MultilabelPrecision(count, threshold, average=None),
                "recall": MultilabelRecall(count, threshold, average=None),
                "f1": MultilabelF1Score(count, threshold, average=None),
            }
        )
        self.worst = Worst(width=2 * count)

    def update(self, outputs: Tensor, targets: Tensor, ids: Tensor) -> None:
        """Add a batch of outputs (B, K), targets (B, K) and ids (B,)."""
        self.figures.update(outputs, targets)
        probabilities, answers = outputs.sigmoid(), targets.long()
        self.details.update(probabilities, answers)
        wrong = ((probabilities >= self.threshold) != (answers > 0)).any(dim=1)
        losses = F.binary_cross_entropy_with_logits(outputs, targets.float(), reduction="none").mean(dim=1)
        values = torch.cat([answers.double(), probabilities.double()], dim=1)
        self.worst.update(losses[wrong], ids[wrong], values[wrong])

    def result(self) -> dict[str, Any]:
        """An entry of evaluation.json."""
        details = {name: value.cpu() for name, value in self.details.compute().items()}
        details["average_precision"] = self.figures.per_class().cpu()
        metrics = {name: known(float(value)) for name, value in self.figures.compute().items()}
        self.figures.reliability.sync()
        samples, positives = self.figures.positives.compute()
        return {
            "samples": samples,
            "metrics": metrics,
            "per_class": [
                {
                    "name": name,
                    "samples": int(positives[k]),
                    **{part: known(float(values[k])) for part, values in details.items()},
                }
                for k, name in enumerate(self.classes)
            ],
            "reliability": self.figures.reliability.diagram(),
            "mistakes": [self._mistake(*row) for row in self.worst.compute()],
        }

    def _mistake(self, loss: float, number: int, values: list[float]) -> dict[str, Any]:
        answers, probabilities = values[: len(self.classes)], values[len(self.classes) :]
        wrong = [
            p if p >= self.threshold else 1 - p
            for y, p in zip(answers, probabilities, strict=True)
            if (p >= self.threshold) != (y > 0)
        ]
        return {
            "id": number,
            "target": _joined(self.classes, [y > 0 for y in answers]),
            "predicted": _joined(self.classes, [p >= self.threshold for p in probabilities]),
            "probability": max(wrong),
            "loss": loss,
        }


def _joined(classes: Sequence[str], chosen: Sequence[bool]) -> str:
    return "|".join(name for name, yes in zip(classes, chosen, strict=True) if yes) or "none"
