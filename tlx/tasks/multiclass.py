"""One of K classes for each sample."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)

from tlx.errors import bad_value
from tlx.figures import known
from tlx.metrics.counting import in_any_order
from tlx.metrics.reliability import Reliability
from tlx.metrics.worst import Worst
from tlx.tasks.weights import check_weights, weights_by_name
from tlx.types import Targets

__all__ = ["Multiclass"]


class Multiclass:
    r"""Softmax over K classes, and cross-entropy.

    The loss of a sample of class y is :math:`w_y \, \text{CE}(z, (1-\epsilon) e_y + \epsilon / K)`,
    averaged over the samples of the batch. Unlike torch's weighted mean it is not divided by
    the weights of the batch, so a sample weighs the same in whatever company it comes.

    Args:
        monitor: The value that selects the epoch.
        label_smoothing: Share of each target spread over all classes, in [0, 1)
            (Szegedy et al. 2016, arXiv 1512.00567).
        class_weights: None; "balanced", :math:`w_k = N / (K N_k)` over the N training samples, so
            that every class weighs the same in all; or a weight > 0 for each class by its name,
            1 for those that are not named.

    Raises:
        ConfigError: A value is out of its range.
    """

    name = "multiclass"
    targets: Targets = "class"

    def __init__(
        self,
        monitor: str = "val/accuracy",
        label_smoothing: float = 0.0,
        class_weights: str | Mapping[str, float] | None = None,
    ) -> None:
        if not 0 <= label_smoothing < 1:
            raise bad_value("task.label_smoothing", label_smoothing, "a share in [0, 1)")
        check_weights("task.class_weights", class_weights)
        self.monitor = monitor
        self.label_smoothing = label_smoothing
        self.class_weights = class_weights

    def describe(self) -> dict[str, Any]:
        """What `recipe.build` makes this task of again, for a bundle."""
        return {"_target_": "tlx.tasks.multiclass.Multiclass", "monitor": self.monitor}

    def output(self, labels: NDArray[Any] | None, classes: Sequence[str]) -> nn.Module:
        """What stands on the head: nothing."""
        return nn.Identity()

    def criterion(self, labels: NDArray[np.int64], classes: Sequence[str]) -> nn.Module:
        """The training loss: (B, K) and (B,) to (B,).

        Args:
            labels: Of the training samples, shape (N,).
            classes: The K names.
        """
        if self.class_weights == "balanced":
            counts = np.bincount(labels, minlength=len(classes))
            weights = len(labels) / (len(classes) * np.maximum(counts, 1))
        else:
            weights = weights_by_name("task.class_weights", self.class_weights, classes)
        return WeightedCrossEntropy(torch.tensor(weights, dtype=torch.float32), self.label_smoothing)

    def worth(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Whether each sample is right, shape (B,); its mean is the training accuracy."""
        return (outputs.argmax(dim=1) == targets).float()

    def figures(self, classes: Sequence[str], samples: int, output: nn.Module) -> nn.Module:
        """The figures of every validation."""
        return MulticlassFigures(len(classes))

    def scores(self, classes: Sequence[str], labels: NDArray[Any], output: nn.Module) -> nn.Module:
        """Everything that is measured once, at the end."""
        return MulticlassScores(tuple(classes))

    def columns(self, classes: Sequence[str]) -> list[str]:
        """The header of predictions, behind the input."""
        return ["class", "probability"]

    def predictions(
        self, outputs: Tensor, classes: Sequence[str], temperature: float = 1.0
    ) -> list[list[Any]]:
        """One row per sample: the most probable class, as in the figures, and its probability."""
        best = outputs.softmax(dim=1).max(dim=1).indices
        shares = (outputs / temperature).softmax(dim=1).gather(1, best[:, None]).squeeze(1)
        pairs = zip(best.tolist(), shares.tolist(), strict=True)
        return [[classes[place], share] for place, share in pairs]


class WeightedCrossEntropy(nn.Module):
    """Cross-entropy per sample, (B, K) and (B,) to (B,), times the weight of its class."""

    weights: Tensor

    def __init__(self, weights: Tensor, label_smoothing: float) -> None:
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)
        self.label_smoothing = label_smoothing

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        losses = F.cross_entropy(
            outputs.float(), targets, label_smoothing=self.label_smoothing, reduction="none"
        )
        return losses * self.weights[targets]


class MulticlassFigures(nn.Module):
    """Accuracy, macro F1, loss and calibration error."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.rates = MetricCollection(
            {
                "accuracy": MulticlassAccuracy(count, average="micro"),
                "f1": MulticlassF1Score(count, average="macro"),
            }
        )
        self.loss = MeanMetric()
        self.reliability = Reliability()

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Add a batch of outputs (B, K) and targets (B,)."""
        probabilities = outputs.softmax(dim=1)
        with in_any_order():
            self.rates.update(probabilities, targets)
        self.reliability.update(probabilities, targets)
        self.loss.update(F.cross_entropy(outputs, targets, reduction="none"))

    def compute(self) -> dict[str, Tensor]:
        """The figures, over all ranks."""
        return {
            **self.rates.compute(),
            "loss": self.loss.compute(),
            "calibration_error": self.reliability.compute(),
        }

    def reset(self) -> None:
        """Start anew."""
        for metric in (self.rates, self.loss, self.reliability):
            metric.reset()


class MulticlassScores(nn.Module):
    """The figures, a line per class, the confusion matrix, the diagram and the worst mistakes."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.classes = classes
        self.figures = MulticlassFigures(len(classes))
        self.details = MetricCollection(
            {
                "precision": MulticlassPrecision(len(classes), average=None),
                "recall": MulticlassRecall(len(classes), average=None),
                "f1": MulticlassF1Score(len(classes), average=None),
                "confusion": MulticlassConfusionMatrix(len(classes)),
            }
        )
        self.worst = Worst(width=3)

    def update(self, outputs: Tensor, targets: Tensor, ids: Tensor) -> None:
        """Add a batch of outputs (B, K), targets (B,) and ids (B,)."""
        self.figures.update(outputs, targets)
        probabilities = outputs.softmax(dim=1)
        with in_any_order():
            self.details.update(probabilities, targets)
        best = probabilities.max(dim=1)
        wrong = best.indices != targets
        losses = F.cross_entropy(outputs, targets, reduction="none")
        values = torch.stack([targets.double(), best.indices.double(), best.values.double()], dim=1)
        self.worst.update(losses[wrong], ids[wrong], values[wrong])

    def result(self) -> dict[str, Any]:
        """An entry of evaluation.json."""
        details = {name: value.cpu() for name, value in self.details.compute().items()}
        confusion = details.pop("confusion").long()
        metrics = {name: known(float(value)) for name, value in self.figures.compute().items()}
        self.figures.reliability.sync()
        return {
            "samples": int(confusion.sum()),
            "metrics": metrics,
            "per_class": [
                {
                    "name": name,
                    "samples": int(confusion[k].sum()),
                    **{part: float(values[k]) for part, values in details.items()},
                }
                for k, name in enumerate(self.classes)
            ],
            "confusion": confusion.tolist(),
            "reliability": self.figures.reliability.diagram(),
            "mistakes": [self._mistake(*row) for row in self.worst.compute()],
        }

    def _mistake(self, loss: float, number: int, values: list[float]) -> dict[str, Any]:
        target, predicted, probability = values
        return {
            "id": number,
            "target": self.classes[int(target)],
            "predicted": self.classes[int(predicted)],
            "probability": probability,
            "loss": loss,
        }
