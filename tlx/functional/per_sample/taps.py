"""Taps on a network: what each call with parameters took in, and in a backward pass its output's gradient."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd.graph import Node, get_gradient_edge
from torch.overrides import TorchFunctionMode

from tlx.functional.per_sample.calls import Call, Layout, known_calls
from tlx.functional.per_sample.kernels import Role

__all__ = ["Receiver", "Tap", "TappedGraph", "Taps", "Visit", "adding", "tapped", "uses"]


Visit: TypeAlias = Callable[[Call, Mapping[str, Role], Tensor, Tensor], None]


@dataclass(eq=False)
class Receiver:
    """What a tap's node hands over to.

    The node must not know its tap, or the two would keep each other alive.

    Args:
        take: Takes inputs and gradient whenever a backward pass comes by; None lets it pass.
    """

    take: Callable[[Tensor, Tensor], None] | None = None


@dataclass(frozen=True)
class Tap:
    """A call in a graph.

    Args:
        call: What was called.
        names: The names of those of its parameters that count, and what each is to the call.
        node: Where its output stands in the graph.
        receiver: Gets the call's inputs and its output's gradient.
    """

    call: Call
    names: dict[str, Role]
    node: Node
    receiver: Receiver


class Taps(TorchFunctionMode):
    """While it is entered, every call with parameters that count is tapped.

    A tapped output is the same values with one more node in the graph, and all of them lead to `anchor`: a
    backward pass with respect to it alone visits every tap and computes no gradient of a weight.

    What a call makes once for all samples, such as embeddings of positions, is made for each of them where
    `widened` says so: its output would otherwise have the gradient of all samples together.

    Args:
        parameters: Those that count, by name.
        widened: The number of samples, where that is wanted.
    """

    def __init__(self, parameters: Mapping[str, Tensor], widened: int | None = None) -> None:
        super().__init__()
        self._widened = widened
        self.anchor = torch.zeros((), requires_grad=True)
        self.taps: list[Tap] = []
        self._names = {id(tensor): name for name, tensor in parameters.items()}
        self._readers = known_calls()

    def __torch_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call the function; where it is known and takes a parameter that counts, tap its output."""
        kwargs = kwargs or {}
        reader = self._readers.get(func) if torch.is_grad_enabled() else None
        call = reader(*args, **kwargs) if reader is not None else None
        given = {} if call is None else call.parameters
        names = {self._names[id(tensor)]: role for role, tensor in given.items() if id(tensor) in self._names}
        if call is None or not names:
            return func(*args, **kwargs)
        if self._widened is not None and call.is_shared(self._widened):
            narrow = call.inputs
            wide = narrow.expand(self._widened, *narrow.shape[1:])
            args = [wide if value is narrow else value for value in args]
            kwargs = {key: wide if value is narrow else value for key, value in kwargs.items()}
            call = replace(call, inputs=wide)
        return self._tapped(call, names, func(*args, **kwargs))

    def _tapped(self, call: Call, names: dict[str, Role], output: Tensor) -> Tensor:
        receiver = Receiver()
        tapped: Tensor = _Tapped.apply(output, self.anchor, call.inputs.detach(), receiver)
        if tapped.grad_fn is not None:
            self.taps.append(Tap(call, names, tapped.grad_fn, receiver))
        return tapped


class _Tapped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, output: Tensor, anchor: Tensor, inputs: Tensor, receiver: Receiver) -> Tensor:
        ctx.save_for_backward(inputs)
        ctx.receiver = receiver
        return output.detach()  # not a view for autograd: what follows may change it in place

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = gradients
        take = ctx.receiver.take
        if take is not None:
            take(ctx.saved_tensors[0], gradient)
        return gradient, None, None, None


@dataclass(frozen=True)
class TappedGraph:
    """The outputs of a network, and where kernels can reach into its graph.

    Args:
        outputs: Shape (N, C).
        anchor: All taps lead to it.
        taps: Of each parameter that the graph uses once, by a tapped call; by the parameter's name.
        used: The names of all that the graph uses.
    """

    outputs: Tensor
    anchor: Tensor
    taps: dict[str, Tap]
    used: set[str]

    def back(self, layouts: Mapping[str, Layout], vectors: Iterable[Tensor], visit: Visit) -> None:
        """Go back once for each vector, and visit every tap of a parameter that has a layout.

        Args:
            layouts: Where the samples are, for each parameter that shall be visited.
            vectors: Shape (N, C) each.
            visit: Takes the call, which of its parameters are visited, the inputs and the output's gradient,
                the samples first.
        """
        for tap in self.taps.values():
            own = {
                name: role
                for name, role in tap.names.items()
                if self.taps.get(name) is tap and name in layouts
            }
            if own:
                layout = layouts[next(iter(own))]
                tap.receiver.take = partial(_ordered, visit, tap.call, own, layout, len(self.outputs))
        waiting = iter(vectors)
        vector = next(waiting, None) if layouts else None
        while vector is not None:
            following = next(waiting, None)
            torch.autograd.grad(
                self.outputs, [self.anchor], vector.to(self.outputs),
                retain_graph=following is not None, allow_unused=True,
            )  # fmt: skip
            vector = following


def adding(into: Mapping[str, Tensor], limit: int) -> Visit:
    """A visit that adds the squares of the call's parameters.

    Args:
        into: Where to, by name.
        limit: Bytes for the kernels to work in.
    """

    def visit(call: Call, own: Mapping[str, Role], inputs: Tensor, gradients: Tensor) -> None:
        sums = {role: into[name] for name, role in own.items()}
        dtype = next(iter(sums.values())).dtype
        taken = inputs.to(dtype) if inputs.is_floating_point() else inputs
        call.add(sums, taken, gradients.to(dtype), limit)

    return visit


def _ordered(
    visit: Visit,
    call: Call,
    own: Mapping[str, Role],
    layout: Layout,
    count: int,
    inputs: Tensor,
    gradient: Tensor,
) -> None:
    visit(call, own, *call.by_sample(inputs, gradient, layout, count))


def tapped(
    parameters: Mapping[str, Tensor], call: Callable[[], Tensor], widened: int | None = None
) -> TappedGraph:
    """Call a network with taps on it.

    Args:
        parameters: Those that count, by name; each requires a gradient.
        call: Gives the outputs.
        widened: The number of samples, where what is made once for all shall be made for each.
    """
    with Taps(parameters, widened) as taps:
        outputs = call()
    counts, nodes = uses(outputs, parameters)
    reached = [(name, tap) for tap in taps.taps if tap.node in nodes for name in tap.names]
    calls = Counter(name for name, _ in reached)
    once = {name: tap for name, tap in reached if calls[name] == 1 and counts.get(name) == 1}
    return TappedGraph(outputs, taps.anchor, once, set(counts))


def uses(logits: Tensor, parameters: Mapping[str, Tensor]) -> tuple[dict[str, int], set[Node]]:
    """How often a graph uses each parameter.

    >>> weight = torch.ones(2, 2, requires_grad=True)
    >>> uses(weight @ weight, {"weight": weight, "other": torch.ones(1, requires_grad=True)})[0]
    {'weight': 2}

    Args:
        logits: Where the graph ends.
        parameters: By name; each requires a gradient.

    Returns:
        Uses by name, of those that are used at all; and every node of the graph.
    """
    leaves = {get_gradient_edge(tensor).node: name for name, tensor in parameters.items()}
    counts: dict[str, int] = {}
    seen: set[Node] = set()
    waiting = [] if logits.grad_fn is None else [logits.grad_fn]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        for following, _ in node.next_functions:
            if following in leaves:
                counts[leaves[following]] = counts.get(leaves[following], 0) + 1
            elif following is not None:
                waiting.append(following)
    return counts, seen
