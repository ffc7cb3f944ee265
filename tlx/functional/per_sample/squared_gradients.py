"""Sums of squares of per-sample gradients, without a loop over samples."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.modules.batchnorm import _BatchNorm

from tlx.errors import ConfigError, bad_value, unknown_name
from tlx.functional.nested import ordinary, sample_count, samples, tensors
from tlx.functional.per_sample.calls import Call, Layout
from tlx.functional.per_sample.fallback import CANCELLED, Fallback, Forward, Vectors, agrees, probing
from tlx.functional.per_sample.kernels import Role
from tlx.functional.per_sample.taps import TappedGraph, adding, tapped

__all__ = ["SquaredGradients", "called"]

SMALL, LARGE = 96 * 2**20, 2**30
"""Bytes to work in: on a processor, where more is not faster, and on an accelerator, which wants more."""
FEW = 4
"""Samples at once, below which a loop over samples is as fast."""
HELD = 0.5
"""Share of the bytes for what a graph holds; the rest is for gradients on their way, for kernels and what the
allocator keeps."""


def called(module: nn.Module, inputs: Any) -> Tensor:
    """A network's output for a tensor, for a tuple of arguments, or for a mapping of named ones."""
    if isinstance(inputs, Mapping):
        return module(**inputs)  # type: ignore[no-any-return]
    return module(*inputs) if isinstance(inputs, tuple) else module(inputs)  # type: ignore[no-any-return]


class SquaredGradients:
    r"""For each parameter :math:`\theta`, :math:`\sum_n \sum_m (\partial_\theta \, v_{nm}^\top f(x_n))^2`.

    The gradient of every sample is squared by itself; the square of a batch's gradient is another quantity.

    A batch goes forward and back once for each m. From what a layer took in and its output's gradient
    kernels form the sums: linear layers, convolutions, embeddings, and batch (in eval mode), layer, group and
    RMS norms. A parameter goes to `Fallback` where it is used in any other way or more than once, where
    the samples of its layer are not in one of the known places, or where on the first batch the kernel
    differs from the gradient of a sample that is alone; all do, where one that is alone uses other
    parameters than one in a batch.

    Gradients, hooks and `requires_grad` of the network are left as they were, also when it raises; the
    sums then hold a part of the batch.

    Args:
        module: The network, in eval mode.
        names: The parameters that count, those that require a gradient by default.
        forward: From the network and its inputs to outputs (N, C).
        max_bytes: Memory to work in, beside the network, the sums, one more copy of them and the inputs; a
            single sample that needs more gets it. By default 96 MiB, on an accelerator 1 GiB, or what
            four samples need.

    Raises:
        ConfigError: A name is none of the network's.
    """

    def __init__(
        self,
        module: nn.Module,
        names: Iterable[str] | None = None,
        forward: Forward = called,
        max_bytes: int | None = None,
    ) -> None:
        if max_bytes is not None and max_bytes < 1:
            raise bad_value("max_bytes", max_bytes, "a whole number >= 1")
        known = dict(module.named_parameters())
        wanted = (
            [name for name, tensor in known.items() if tensor.requires_grad] if names is None else list(names)
        )
        for name in wanted:
            if name not in known:
                raise unknown_name("parameter", name, known)
        self.parameters = {name: known[name] for name in wanted}
        self.sums = {
            name: torch.zeros_like(t, dtype=_precise(t)).detach() for name, t in self.parameters.items()
        }
        self.without_kernel: set[str] = set()
        self._module, self._forward, self._max_bytes = module, forward, max_bytes
        self._fallback = Fallback(module, forward)
        self._trusted: dict[str, Layout] = {}
        self._unproven = self._widens = True
        self._differs = False
        self._bytes_per_element = 0.0

    def add(self, inputs: Any, vectors: Vectors) -> int:
        """Add a batch.

        Args:
            inputs: Nested tensors with the samples along the first axis of each.
            vectors: From outputs (N, C) of some of the samples and their places in the batch (N,) to vectors
                (N, C), one for each m.

        Returns:
            The number of samples.

        Raises:
            ConfigError: A part of the network is in training mode or normalises by its batch.
        """
        _refuse_training(self._module)
        count = sample_count(inputs)
        with torch.inference_mode(False), torch.enable_grad(), _required(self._module, self.parameters):
            inputs = ordinary(inputs)
            self._probe(inputs, count)
            most = max(1, int(HELD * self._room(inputs) / self._held(inputs)))
            size = math.ceil(count / math.ceil(count / most))  # chunks of one size: a small rest costs more
            for start in range(0, count, size):
                rows = torch.arange(start, min(start + size, count))
                self._chunk(samples(inputs, slice(start, start + size)), vectors, rows)
        return count

    def add_together(self, inputs: Any, vectors: Vectors) -> None:
        """Add the square of the whole batch's gradient, as if it were one sample.

        Args:
            inputs: As in `add`.
            vectors: As in `add`.
        """
        _refuse_training(self._module)
        rows = torch.arange(sample_count(inputs))
        with torch.inference_mode(False), torch.enable_grad(), _required(self._module, self.parameters):
            self._fallback.one(self.sums, ordinary(inputs), vectors, rows)

    def _chunk(self, inputs: Any, vectors: Vectors, rows: Tensor) -> None:
        graph = self._tapped(inputs)
        layouts = {
            name: layout
            for name, tap in graph.taps.items()
            if (layout := self._trusted.get(name)) and layout in tap.call.layouts(len(rows))
        }
        visit = adding(self.sums, self._room(inputs) // 16)
        graph.back(layouts, vectors(graph.outputs.detach(), rows), visit)
        needed = self.sums.keys() if self._differs else graph.used - layouts.keys()
        rest = {name: sums for name, sums in self.sums.items() if name in needed}
        del graph
        if rest:
            self.without_kernel |= rest.keys()
            each = 2 * self._held(inputs) + 3 * sum(sums.nbytes for sums in rest.values())
            self._fallback.add(rest, inputs, vectors, rows, max(1, int(self._room(inputs) / each)))

    def _tapped(self, inputs: Any) -> TappedGraph:
        widened = sample_count(inputs) if self._widens else None
        return tapped(self.parameters, lambda: self._outputs(inputs), widened)

    def _outputs(self, inputs: Any) -> Tensor:
        outputs = self._forward(self._module, inputs)
        count, shape = sample_count(inputs), tuple(outputs.shape)
        if len(shape) != 2 or shape[0] != count:
            raise bad_value("outputs", shape, f"the shape ({count}, classes), a row for each sample")
        return outputs

    def _probe(self, inputs: Any, count: int) -> None:
        """Hold every kernel against the gradient of a sample that is alone.

        Beside that sample stands another, whose vector is 0: what mixes the two, or takes an axis of
        positions for that of the samples, is found out.
        """
        if not self._unproven:
            return
        pair = samples(inputs, torch.tensor([0, 1 % count]))
        exact = self._alone(samples(inputs, slice(0, 1)))
        if self._widens:
            try:
                self._widens = self._compare(pair, exact)
            except Exception:  # whatever a network makes of a wider tensor; its own errors come again below
                self._widens = False
        if not self._widens:
            self._compare(pair, exact)

    def _alone(self, inputs: Any) -> dict[str, Tensor]:
        """The squares of a single sample, and on the way how much its graph holds."""
        with _saved(self._module) as saved:
            outputs = self._outputs(inputs)
            (vector,) = probing(outputs.detach(), torch.tensor([0]))
            parameters = list(self.parameters.values())
            found = (
                list(torch.autograd.grad(outputs, parameters, vector, allow_unused=True))
                if outputs.requires_grad
                else []
            )
        self._bytes_per_element = sum(saved.values()) / _elements(inputs)
        squares = {}
        for name in reversed(list(self.parameters)[: len(found)]):
            gradient = found.pop()  # at most one is there twice
            if gradient is not None:
                squares[name] = gradient.to(self.sums[name].dtype).square()
        return squares

    def _compare(self, pair: Any, exact: Mapping[str, Tensor]) -> bool:
        """Trust the kernels that agree; whether none disagrees."""
        graph = self._tapped(pair)
        self._differs = graph.used != exact.keys()
        if self._differs:
            self._unproven = False
            return True
        greatest = max((float(squares.max()) for squares in exact.values()), default=0.0)
        layouts = {name: fits[0] for name, tap in graph.taps.items() if (fits := tap.call.layouts(2))}
        self._trusted, self._unproven, all_right = {}, False, True

        def visit(call: Call, own: Mapping[str, Role], inputs: Tensor, gradients: Tensor) -> None:
            nonlocal all_right
            found = {name: torch.zeros_like(self.sums[name]) for name in own}
            adding(found, self._room(pair) // 16)(call, own, inputs, gradients)
            dtype = next(self.parameters[name].dtype for name in own)
            largest = max(float(exact[name].max()) for name in own)
            floor = CANCELLED * largest
            right = all(agrees(found[name], exact[name], floor, dtype) for name in own)
            if largest <= torch.finfo(dtype).eps ** 2 * greatest:
                self._unproven = True  # a gradient of 0 proves nothing; the next batch may
                return
            all_right &= right
            if right:
                self._trusted |= {name: layouts[name] for name in own}

        graph.back(layouts, probing(graph.outputs.detach(), torch.arange(2)), visit)
        return all_right

    def _room(self, inputs: Any) -> int:
        if self._max_bytes is not None:
            return self._max_bytes
        on_processor = all(sums.is_cpu for sums in self.sums.values())
        return max(SMALL if on_processor else LARGE, math.ceil(FEW * self._held(inputs) / HELD))

    def _held(self, inputs: Any) -> float:
        return max(1.0, self._bytes_per_element * _elements(inputs))


def _elements(inputs: Any) -> int:
    """Numbers in the inputs of one sample."""
    return sum(tensor[0].numel() for tensor in tensors(inputs))


@contextmanager
def _saved(module: nn.Module) -> Iterator[dict[int, int]]:
    """Bytes of what a graph holds beside the network's own tensors, by address."""
    found: dict[int, int] = {}
    own = {tensor.untyped_storage().data_ptr() for tensor in [*module.parameters(), *module.buffers()]}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held = min(tensor.nbytes, storage.nbytes())  # a sample's view of its batch is not the batch
            found[storage.data_ptr()] = max(held, found.get(storage.data_ptr(), 0))
        return tensor.detach()

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        yield found


@contextmanager
def _required(module: nn.Module, parameters: Mapping[str, Tensor]) -> Iterator[None]:
    """Gradients are required by these parameters and by no others."""
    before = [(tensor, tensor.requires_grad) for tensor in module.parameters()]
    wanted = {id(tensor) for tensor in parameters.values()}
    try:
        for tensor, _ in before:
            tensor.requires_grad_(id(tensor) in wanted)
        yield
    finally:
        for tensor, required in before:
            tensor.requires_grad_(required)


def _refuse_training(module: nn.Module) -> None:
    for name, part in module.named_modules():
        kind = f"{name or 'the network'}: {type(part).__name__}"
        if part.training:
            raise ConfigError(f"{kind} is in training mode", fix="network.eval() before")
        if isinstance(part, _BatchNorm) and part.running_mean is None:
            raise ConfigError(f"{kind} normalises by its batch, so that no sample has a gradient of its own")


def _precise(tensor: Tensor) -> torch.dtype:
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32
