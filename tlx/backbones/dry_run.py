"""What a network does with one batch: which module is called when, and what the last layer is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Observed", "observe", "tensors_of"]


@dataclass
class Observed:
    """One call of a network.

    Args:
        order: Module name to the number of its first call, in the order of the calls; what is
            never called is not there.
        reads: Module name to the first input of its last call, of layers without children.
        gives: The same for what it returned.
        output: What the network returned.
    """

    order: dict[str, int] = field(default_factory=dict)
    reads: dict[str, Any] = field(default_factory=dict)
    gives: dict[str, Any] = field(default_factory=dict)
    output: Any = None

    def last_linear(self, net: nn.Module) -> str | None:
        """The linear layer that is called last."""
        linear = [name for name in self.gives if isinstance(net.get_submodule(name), nn.Linear)]
        return linear[-1] if linear else None

    def after(self, net: nn.Module, name: str) -> list[str]:
        """Layers with parameters that are called only after another one."""
        inside = {inner for inner in self.order if inner.startswith(f"{name}.")}
        start = self.order[name]
        later = [other for other in self.gives if self.order[other] > start and other not in inside]
        return [other for other in later if any(True for _ in net.get_submodule(other).parameters())]

    def ends_with(self, name: str) -> bool:
        """Whether the network returns what a layer gave, or a softmax or sigmoid of it."""
        given = self.gives.get(name)
        found = next(iter(tensors_of(self.output)), None)
        if not torch.is_tensor(given) or found is None or given.numel() != found.numel():
            return False
        flat = given.reshape(found.shape)
        shapes = (flat, flat.log_softmax(-1), flat.softmax(-1), flat.sigmoid()) if flat.ndim else (flat,)
        return any(torch.allclose(found, shape, atol=1e-6) for shape in shapes)


def observe(net: nn.Module, call: Callable[[], Any], also: str | None = None) -> Observed:
    """Run a network once, in evaluation mode and without a gradient, and note what it does.

    Modes, running statistics and random numbers are left as they were.

    Args:
        net: Whose modules are watched.
        call: Runs it.
        also: A module with children whose input and output are noted too.
    """
    seen = Observed()
    handles = []
    for name, module in net.named_modules():
        handles.append(module.register_forward_pre_hook(_counter(seen, name)))
        if name == also or not list(module.children()):
            handles.append(module.register_forward_hook(_keeper(seen, name)))
    try:
        with _in_evaluation(net), torch.no_grad(), torch.random.fork_rng(devices=[]):
            seen.output = call()
    finally:
        for handle in handles:
            handle.remove()
    return seen


def tensors_of(output: Any) -> Iterator[Tensor]:
    """Every tensor in what a network returns: a tensor, or a tuple, list, mapping or data class of them."""
    if torch.is_tensor(output):
        yield output
    elif isinstance(output, dict):
        for value in output.values():
            yield from tensors_of(value)
    elif isinstance(output, list | tuple):
        for value in output:
            yield from tensors_of(value)
    elif hasattr(output, "__dict__"):
        yield from tensors_of(vars(output))


def _counter(seen: Observed, name: str) -> Callable[..., None]:
    def count(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen.order.setdefault(name, len(seen.order))

    return count


def _keeper(seen: Observed, name: str) -> Callable[..., None]:
    def keep(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        for noted, value in ((seen.reads, inputs[0] if inputs else None), (seen.gives, output)):
            noted.pop(name, None)
            noted[name] = value

    return keep


@contextmanager
def _in_evaluation(net: nn.Module) -> Iterator[None]:
    before = {module: module.training for module in net.modules()}
    net.eval()
    try:
        yield
    finally:
        for module, mode in before.items():
            module.training = mode
