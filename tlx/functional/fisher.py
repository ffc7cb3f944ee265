"""The diagonal of the Fisher information of a network's weights."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from tlx.errors import ConfigError, bad_value
from tlx.functional.keyed_draws import keyed_uniform
from tlx.functional.per_sample.fallback import Forward
from tlx.functional.per_sample.squared_gradients import SquaredGradients, called
from tlx.functional.score_vectors import Likelihood, drawn_scores, exact_scores, scores

__all__ = ["DiagonalFisher", "Estimator"]

Estimator: TypeAlias = Literal["exact", "sampled", "empirical", "batched"]


class DiagonalFisher:
    r"""The mean over samples of expected squares of per-sample gradients.

    .. math:: F_i = \frac 1 N \sum_n E_{y \sim p_\theta(y | x_n)} [(\partial_i \log p_\theta(y | x_n))^2]

    Kirkpatrick et al. 2017, arXiv 1612.00796; the estimators are those of van de Ven 2025, arXiv 2502.11756.

    * `exact`: the expectation as a sum over classes, in C - 1 backward passes (`exact_scores`).
    * `sampled`: over `draws` labels per sample, drawn from the network's own probabilities.
    * `empirical`: with the true label in place of the expectation. Another quantity: it vanishes where
      the network is sure and right, and is large where it is wrong.
    * `batched`: the square of a batch's mean gradient,
      :math:`\frac 1 B \sum_b (\frac 1 {|b|} \sum_{n \in b} \partial_i \log p_\theta(y_n | x_n))^2`.
      **Wrong as a Fisher information**: gradients of different samples cancel before they are squared, and
      it shrinks with the batch's size (a hundredth of the trace is usual). It is here to repeat what others
      have published with it, and holds the whole batch in memory at once.

    All but `batched` are the same at any batch size and in any order, up to rounding: draws are keyed by the
    sample's index. Sums are float32, or float64 of weights in float64. A second process may take other
    samples: its sums are added to these sums, and its count to this count.

    >>> network = nn.Linear(1, 2, bias=False).requires_grad_().eval()
    >>> _ = nn.init.zeros_(network.weight)
    >>> fisher = DiagonalFisher(network)
    >>> fisher.add(torch.tensor([[1.0], [3.0]]))
    >>> fisher.mean()["weight"].flatten().tolist()  # p (1 - p) times the mean square of x
    [1.25, 1.25]

    Args:
        module: The network, in eval mode.
        names: The parameters that count, those that require a gradient by default.
        estimator: One of the above.
        draws: Labels per sample, >= 1; of `sampled`.
        generator: Gives one number, the key of all draws; of `sampled`.
        columns: The classes that the softmax runs over, all by default; the others get no gradient.
        likelihood: What the logits say; several classes, of which one, by default.
        forward: From the network and its inputs to logits (N, C).
        max_bytes: Memory to work in, as `SquaredGradients` takes it.

    Raises:
        ConfigError: An argument is out of its range, or a name is none of the network's.
    """

    def __init__(
        self,
        module: nn.Module,
        names: Iterable[str] | None = None,
        estimator: Estimator = "exact",
        *,
        draws: int = 1,
        generator: torch.Generator | None = None,
        columns: Sequence[int] | None = None,
        likelihood: Likelihood = "categorical",
        forward: Forward = called,
        max_bytes: int | None = None,
    ) -> None:
        for name, value, known in (
            ("estimator", estimator, get_args(Estimator)),
            ("likelihood", likelihood, get_args(Likelihood)),
        ):
            if value not in known:
                raise bad_value(name, value, f"one of {', '.join(known)}")
        if draws < 1:
            raise bad_value("draws", draws, "a whole number >= 1")
        if columns is not None and (
            len(columns) == 0 or len(set(columns)) < len(columns) or min(columns) < 0
        ):
            raise bad_value("columns", list(columns), "different whole numbers >= 0")
        self._key = 0
        if estimator == "sampled":
            if generator is None:
                raise ConfigError(
                    "estimator=sampled draws labels", fix="generator=torch.Generator(), with a seed"
                )
            self._key = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        self._estimator, self._draws, self._likelihood = estimator, draws, likelihood
        self._columns = None if columns is None else torch.tensor(columns)
        self._squares = SquaredGradients(module, names, forward, max_bytes)
        self.count = 0

    @property
    def sums(self) -> dict[str, Tensor]:
        """Sums over the samples so far by parameter; of `batched` over the batches."""
        return self._squares.sums

    @property
    def without_kernel(self) -> set[str]:
        """The parameters that needed the slow way, so far."""
        return self._squares.without_kernel

    def mean(self) -> dict[str, Tensor]:
        """The Fisher information by parameter.

        Raises:
            ConfigError: Nothing has been added.
        """
        if self.count == 0:
            raise ConfigError("a Fisher information of no sample", fix="add(inputs) before mean()")
        return {name: sums / self.count for name, sums in self.sums.items()}

    def add(self, inputs: Any, targets: Tensor | None = None, indices: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            inputs: Nested tensors with the samples along the first axis of each.
            targets: Shape (N,) or (N, C), what `scores` takes; read by `empirical` and `batched` alone.
            indices: Positions of the samples in their data set, shape (N,), int64: what their draws are keyed
                by. By default they count on from 0.

        Raises:
            ConfigError: There are no targets where they are read, a target is none of the columns, or a part
                of the network is in training mode or normalises by its batch.
        """
        if self._estimator in ("exact", "sampled"):
            targets = None
        elif targets is None:
            raise ConfigError(
                f"estimator={self._estimator} reads the true labels", fix="add(inputs, targets)"
            )
        if targets is not None and self._columns is not None:
            targets = _among(self._columns.to(targets.device), targets, self._likelihood)

        def vectors(logits: Tensor, rows: Tensor) -> Iterator[Tensor]:
            own = rows + self.count if indices is None else indices[rows]
            return self._vectors(logits, None if targets is None else targets[rows], own)

        if self._estimator == "batched":
            self._squares.add_together(inputs, vectors)
            self.count += 1
        else:
            self.count += self._squares.add(inputs, vectors)

    def _vectors(self, logits: Tensor, targets: Tensor | None, indices: Tensor) -> Iterator[Tensor]:
        chosen = logits if self._columns is None else logits[:, self._columns]
        for vector in self._over_columns(chosen, targets, indices.to(logits.device)):
            if self._columns is None:
                yield vector
            else:
                yield torch.zeros_like(logits, dtype=vector.dtype).index_copy_(
                    1, self._columns.to(logits.device), vector
                )

    def _over_columns(self, logits: Tensor, targets: Tensor | None, indices: Tensor) -> Iterator[Tensor]:
        if targets is not None:
            vector = scores(logits, targets.to(logits.device), self._likelihood)
            yield vector / len(logits) if self._estimator == "batched" else vector
        elif self._estimator == "exact":
            yield from exact_scores(logits, self._likelihood)
        else:
            width = 1 if self._likelihood == "categorical" else logits.shape[1]
            uniform = keyed_uniform(self._key, indices, self._draws * width)
            yield from drawn_scores(logits, uniform.view(len(logits), self._draws, width), self._likelihood)


def _among(columns: Tensor, targets: Tensor, likelihood: Likelihood) -> Tensor:
    """Targets of some of the classes: their place in `columns`, or their own answers or numbers."""
    if likelihood != "categorical":
        return targets[:, columns]
    place = targets[:, None] == columns
    if not bool(place.any(1).all()):
        strange = int(targets[~place.any(1)][0])
        raise bad_value("targets", strange, f"one of the columns {columns.tolist()}")
    return place.int().argmax(1)
