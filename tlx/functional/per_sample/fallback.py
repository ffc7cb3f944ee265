"""Per-sample gradients without a kernel: exact for any network, and slower."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from tlx.functional.nested import replaced, sample_count, samples, tensors

__all__ = ["CANCELLED", "Fallback", "Forward", "Vectors", "agrees", "probing"]

Forward: TypeAlias = Callable[[nn.Module, Any], Tensor]
"""From a network and its inputs to logits (N, C)."""
Vectors: TypeAlias = Callable[[Tensor, Tensor], Iterator[Tensor]]
"""From logits (N, C) and the samples' places in their batch (N,) to vectors (N, C)."""
TOLERANCES = {torch.float64: 1e-6, torch.float32: 1e-2}
"""Relative differences of squares that rounding explains, with what one flipped ReLU makes."""
COARSE = 0.5
"""The same of types with less than single precision."""
CANCELLED = 1e-10
"""Squares below this share of the greatest of their kind are what rounding left of a gradient of 0."""


def agrees(found: Tensor, exact: Tensor, floor: float, dtype: torch.dtype) -> bool:
    """Whether squares are the same up to rounding: a wrong sum over samples is off by its own size.

    >>> agrees(torch.tensor([1.0, 2.001]), torch.tensor([1.0, 2.0]), 0.0, torch.float32)
    True

    Args:
        found: Squares.
        exact: What they should be.
        floor: What is below it counts as 0.
        dtype: What was computed with.
    """
    scale = max(float(exact.max()), floor)
    return float((found - exact).abs().max()) <= TOLERANCES.get(dtype, COARSE) * scale


class Fallback:
    """Squares of per-sample gradients by `torch.func`, or of one sample after the other.

    `torch.func` is taken where it can be and where it gives, of the first and of another sample of a batch,
    what each of them gives alone.

    Args:
        module: The network.
        forward: Calls it.
    """

    def __init__(self, module: nn.Module, forward: Forward) -> None:
        self._module = module
        self._forward = forward
        self._batched: bool | None = None

    def add(
        self, into: Mapping[str, Tensor], inputs: Any, vectors: Vectors, rows: Tensor, at_once: int
    ) -> None:
        """Add the squares of a batch.

        Args:
            into: Where to, for each parameter that counts; their parameters require gradients.
            inputs: The network's.
            vectors: What to go back with.
            rows: The samples' places in their batch, shape (N,).
            at_once: The most samples whose gradients are held together, >= 1.
        """
        if self._batched is None:
            self._batched = self._batches_well(into, inputs)
        size = at_once if self._batched else 1
        for start in range(0, sample_count(inputs), size):
            block = slice(start, start + size)
            part = samples(inputs, block)
            compute = self._by_func if self._batched else self.one
            compute(into, part, vectors, rows[block])

    def one(self, into: Mapping[str, Tensor], inputs: Any, vectors: Vectors, rows: Tensor) -> None:
        """Add the squares of a single sample.

        Args:
            into: As in `add`.
            inputs: Of one sample.
            vectors: What to go back with.
            rows: The sample's place in its batch, shape (1,).
        """
        parameters = dict(self._module.named_parameters())
        logits = self._forward(self._module, inputs)
        _add_squares(into, logits, [parameters[name] for name in into], vectors, rows)

    def _by_func(self, into: Mapping[str, Tensor], inputs: Any, vectors: Vectors, rows: Tensor) -> None:
        """One copy of the parameters for each sample, without the memory of copies."""
        count, called = sample_count(inputs), _Called(self._module, self._forward)
        parameters = dict(self._module.named_parameters())
        copies = {
            f"module.{name}": parameters[name]
            .detach()
            .expand(count, *parameters[name].shape)
            .requires_grad_()
            for name in into
        }

        def logits_of_one(own: dict[str, Tensor], *leaves: Tensor) -> Tensor:
            sample = replaced(inputs, [leaf.unsqueeze(0) for leaf in leaves])
            logits: Tensor = functional_call(called, own, (sample,))
            return logits.squeeze(0)

        with warnings.catch_warnings(), _PaddingApart():
            warnings.filterwarnings("ignore", message="There is a performance drop")
            logits = vmap(logits_of_one)(copies, *tensors(inputs))
        _add_squares(into, logits, list(copies.values()), vectors, rows)

    def _batches_well(self, into: Mapping[str, Tensor], inputs: Any) -> bool:
        pair, first = samples(inputs, torch.tensor([0, -1])), torch.arange(1)
        dtypes = {name: tensor.dtype for name, tensor in self._module.named_parameters()}
        for place, rows in enumerate((torch.tensor([0, 1]), torch.tensor([1, 0]))):
            exact, found = ({name: torch.zeros_like(sums) for name, sums in into.items()} for _ in range(2))
            self.one(exact, samples(pair, slice(place, place + 1)), probing, first)
            try:
                self._by_func(found, pair, probing, rows)
            except (
                Exception
            ):  # whatever torch.func cannot do, and what the network itself cannot is raised by `one`
                return False
            floor = CANCELLED * max(float(squares.max()) for squares in exact.values())
            if not all(agrees(found[name], exact[name], floor, dtypes[name]) for name in into):
                return False
        return True


def probing(logits: Tensor, rows: Tensor) -> Iterator[Tensor]:
    """One vector that is nowhere 0 for the sample whose row is 0, and 0 for all others."""
    vector = torch.zeros_like(logits)
    vector[rows == 0] = torch.cos(torch.arange(1.0, logits.shape[1] + 1)).to(vector)
    yield vector


class _PaddingApart(TorchFunctionMode):
    """Keeps the gradient of padding out of embeddings by their outputs.

    `vmap` looks up all samples in one table that is as many times as long, where `padding_idx` is a row of
    the first sample alone: that of every other would get a gradient.
    """

    def __torch_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.embedding:
            return _embedded(*args, **kwargs)
        return func(*args, **kwargs)


def _embedded(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, *args: Any, **kwargs: Any
) -> Tensor:
    found = F.embedding(input, weight, None, *args, **kwargs)
    if padding_idx is None:
        return found
    is_padding = (input == padding_idx % weight.shape[0]).unsqueeze(-1)
    return torch.where(is_padding, found.detach(), found)


class _Called(nn.Module):
    """A network whose forward is another function of it."""

    def __init__(self, module: nn.Module, forward: Forward) -> None:
        super().__init__()
        self.module = module
        self._call = forward

    def forward(self, inputs: Any) -> Tensor:
        return self._call(self.module, inputs)


def _add_squares(
    into: Mapping[str, Tensor], logits: Tensor, parameters: list[Tensor], vectors: Vectors, rows: Tensor
) -> None:
    """Of gradients that each have one sample: alone, or along the first axis."""
    if not logits.requires_grad:
        return
    for vector in vectors(logits.detach(), rows):
        found = torch.autograd.grad(
            logits, parameters, vector.to(logits.dtype), retain_graph=True, allow_unused=True
        )
        for sums, gradient in zip(into.values(), found, strict=True):
            if gradient is not None:
                sums.add_(gradient.to(sums.dtype).square().reshape(-1, *sums.shape).sum(0))
