"""What the rooms of tlx agree on, so that none has to know another.

Shape letters, everywhere: B batch, C channels, H W image, T tokens, D features,
K classes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

__all__ = [
    "Batch",
    "ClassesFrom",
    "FrontierValues",
    "Inputs",
    "LossTerm",
    "Preprocessing",
    "Source",
    "Split",
    "Splits",
    "Step",
    "Targets",
    "Task",
]

Inputs: TypeAlias = Tensor | dict[str, Tensor]
"""Images, shape (B, C, H, W), or named token tensors, each of shape (B, T)."""

Targets: TypeAlias = Literal["class", "classes", "numbers"]
"""What a sample is labelled with: one class, any number of classes, or numbers."""

ClassesFrom: TypeAlias = Literal["train", "all"]
"""Whose classes there are: those of the training samples, or, where a network knows them already, of all."""

PADDING = -1
"""The id of a sample that only fills up a rank's last batch and is never counted."""


class FrontierValues(NamedTuple):
    """What the frozen stages at the bottom of a network made of a batch."""

    frontier: int  # how many stages that were
    values: dict[str, Tensor]  # first axis B


class Batch(NamedTuple):
    """What a loader yields."""

    inputs: Inputs | FrontierValues
    targets: Tensor  # one class: (B,), int64; classes: (B, K) of 0 and 1, float32; numbers: (B, R), float32
    ids: Tensor  # (B,) position of each sample in its split, int64; PADDING where it only fills up


class Step(NamedTuple):
    """What one training step produced."""

    inputs: Inputs | FrontierValues
    targets: Tensor  # as in the batch
    logits: Tensor  # (B, K), what the network gave
    original: Tensor | None = None  # (B, K of the source), what the weights' original head made of it


@runtime_checkable
class LossTerm(Protocol):
    """A callback that adds one scalar to the training loss.

    With an attribute `reads_original` that is true, `Step.original` is there. With an attribute `name`, the
    step tells under this name what was added; else under that of the class.
    """

    def loss_term(self, module: nn.Module, step: Step) -> Tensor:
        """The term for this step, shape ()."""
        ...


class Preprocessing(Protocol):
    """From a raw sample to what a backbone reads. It belongs to the weights.

    With a method `prepare_together(pixels)` it prepares several images that lie in one array; it counts
    where the class that defines it defines `prepare` and `collate` too.
    """

    kind: str  # "image" or "text": what `prepare` takes

    def prepare(self, sample: Any) -> Any:
        """One raw sample (a PIL image, or a string), the same way every time."""
        ...

    def augment(self, sample: Any, generator: Generator, flip: bool) -> Any:
        """One raw sample, randomly varied; draws from `generator` alone."""
        ...

    def collate(self, prepared: Sequence[Any]) -> Inputs:
        """Several prepared samples as one batch."""
        ...

    def describe(self) -> dict[str, Any]:
        """Every setting, as plain values that JSON can hold."""
        ...

    def save(self, folder: Path) -> None:
        """Write what `describe` cannot hold (a tokenizer) beside the weights."""
        ...


class Split(Protocol):
    """One split of a data set. Reads lazily; holds no Python object per sample.

    With a method `read_together(indices)` it gives the pixels of several images as one array; it counts
    where the class that defines it defines `read` too.
    """

    labels: NDArray[
        Any
    ]  # one class: (N,), int64; classes: (N, K) of 0 and 1, uint8; numbers: (N, R), float32

    def __len__(self) -> int: ...

    def read(self, index: int) -> Any:
        """The raw sample: a PIL image or a string."""
        ...

    def name(self, index: int) -> str:
        """Where the sample comes from, for people: a path, or a row."""
        ...

    def subset(self, indices: NDArray[np.int64]) -> "Split":
        """The samples at `indices`, in that order."""
        ...

    def fingerprint(self) -> str:
        """A hash that changes when a sample or a label does."""
        ...


class Splits(NamedTuple):
    """A data set, ready for model selection."""

    train: Split
    val: Split
    test: Split | None
    classes: tuple[str, ...]  # names of the K classes, or of the R numbers


class Source(Protocol):
    """Where samples come from.

    With an attribute `crop` that is false, a part of a sample does not belong to its class.
    """

    kind: str  # "image" or "text"
    flip: bool  # whether a mirrored sample still belongs to its class

    def splits(self, targets: Targets = "class") -> Splits:
        """Find, check and split the samples, labelled as the task needs them.

        A source with a keyword `classes_from` serves as the source of a transfer as well where not every
        class has a training sample.

        Raises DataError before anything trains, also where it has no labels of this kind.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """The `_target_` and arguments that build this source again, as plain values."""
        ...


class Task(Protocol):
    """What a network shall say of a sample: the loss, the figures, and the words of it."""

    name: str
    targets: Targets
    monitor: str  # the validation value that selects the epoch, unless another is asked for

    def describe(self) -> dict[str, Any]:
        """The `_target_` and arguments that a finished network needs of this task."""
        ...

    def output(self, labels: NDArray[Any] | None, classes: Sequence[str]) -> nn.Module:
        """What stands on the head and never trains; without labels, weights fill it."""
        ...

    def criterion(self, labels: NDArray[Any], classes: Sequence[str]) -> nn.Module:
        """The training loss of each sample, (B,), from outputs and targets."""
        ...

    def worth(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The figure that is taken while training, of each sample, (B,)."""
        ...

    def figures(self, classes: Sequence[str], samples: int, output: nn.Module) -> Any:
        """The figures of each validation: `update(outputs, targets)`, `compute()`, `reset()`."""
        ...

    def scores(self, classes: Sequence[str], labels: NDArray[Any], output: nn.Module) -> Any:
        """All that is measured at the end: `update(outputs, targets, ids)`, `result()`."""
        ...

    def columns(self, classes: Sequence[str]) -> list[str]:
        """The header of predictions, behind the input."""
        ...

    def predictions(
        self, outputs: Tensor, classes: Sequence[str], temperature: float = 1.0
    ) -> list[list[Any]]:
        """A row of predictions for each sample; the temperature changes probabilities, and no decision."""
        ...
