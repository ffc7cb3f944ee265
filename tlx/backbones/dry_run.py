"""What a network does with one batch: which module is called when, and what the first and last layer are."""

import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tlx.errors import ConfigError, TlxError

__all__ = ["Observed", "first_convolution", "observe", "tensors_of", "tried"]

OF_SHAPE = re.compile(
    r"shape|\bsizes?\b|channels?\b|dimension|must match|indices|dtype|scalar type|positional argument", re.I
)
"""What errors of an input that does not suit a network speak of."""


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


def first_convolution(net: nn.Module, run: Callable[[int], Any]) -> tuple[str | None, int]:
    """The name of the convolution that is called first, and the channels of the picture that it suits.

    Where none is called before the network fails, the channels are those of the first one that it
    has, or 3.

    Args:
        net: The network.
        run: Calls it with a picture of so many channels.
    """
    convolutions = {name: layer for name, layer in net.named_modules() if isinstance(layer, nn.Conv2d)}
    own = [layer.in_channels for layer in convolutions.values()]
    for tried_with in dict.fromkeys([3, *own]):
        reached = _reached(net, convolutions, lambda channels=tried_with: run(channels))  # type: ignore[misc]
        if reached is None:
            continue
        wanted = tried_with * convolutions[reached.name].in_channels
        if wanted % reached.channels == 0:
            return reached.name, wanted // reached.channels
    return None, own[0] if own else 3


def tried(net: nn.Module, run: Callable[[], Any], also: str | None = None, name: str = "") -> Observed:
    """Observe a network that is not our code.

    Args:
        net: The network.
        run: Runs it on a batch of two.
        also: As for `observe`.
        name: Of the network, for people; empty: its class.

    Raises:
        ConfigError: It fails, with its own words and the line.
    """
    try:
        return observe(net, run, also)
    except TlxError:
        raise
    except Exception as error:
        fix = "TLX_DEBUG=1, which shows the traceback"
        if OF_SHAPE.search(str(error)):
            fix = "model.image_size and model.channels as it reads them, or model.tokenizer=FOLDER for text"
        raise ConfigError(
            f"{name or type(net).__name__} cannot be run on a batch of two: "
            f"{type(error).__name__}: {error} ({_line_of(error)})",
            fix=fix,
        ) from error


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


class _Reached(Exception):  # noqa: N818  # it is no error
    """A convolution is about to read so many channels."""

    def __init__(self, name: str, channels: int) -> None:
        self.name, self.channels = name, channels


def _reached(net: nn.Module, convolutions: dict[str, nn.Conv2d], run: Callable[[], Any]) -> _Reached | None:
    def stop(name: str) -> Callable[..., None]:
        def raise_it(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
            read = inputs[0] if inputs else named["input"]
            raise _Reached(name, int(read.shape[-3]))

        return raise_it

    handles = [
        layer.register_forward_pre_hook(stop(name), with_kwargs=True) for name, layer in convolutions.items()
    ]
    try:
        with _in_evaluation(net), torch.no_grad(), torch.random.fork_rng(devices=[]):
            run()
    except _Reached as found:
        return found
    except Exception:  # the network's own, on a picture that does not suit it
        return None
    finally:
        for handle in handles:
            handle.remove()
    return None


def _line_of(error: Exception) -> str:
    """The last line outside of torch and of this package."""
    libraries = (Path(torch.__file__).parent, Path(__file__).parent.parent)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not any(Path(f.filename).is_relative_to(folder) for folder in libraries)]
    last = (own or frames)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


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
