"""A backbone run in two halves: the frozen stages once, the rest from what they gave.

The frontier's last call gives back the value it gave before, every call before it and the
picture are placeholders, and the model's own code runs on around them: any control flow
survives. A placeholder takes no memory and holds what is not a number, so that a model that
uses one after all is found out.
"""

import functools
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from tlx.backbones.named import first_and_last, named, unnamed
from tlx.backbones.placeholder import Leaf, Sizes
from tlx.backbones.staged import StagedBackbone
from tlx.errors import ConfigError, bad_value
from tlx.types import Inputs

__all__ = ["Cut"]


class Cut:
    """The stages below a frontier and the rest, each run by itself.

    `features(values(inputs))` is `backbone(inputs)` to the bit while the stages below the
    frontier are frozen (no gradient, evaluation mode), whatever the mode of the rest. It holds
    for the kind of arithmetic (autocast) and the device that the example was seen with.

    Args:
        backbone: What is cut. No module of it stays changed.
        frontier: How many stages at the bottom are run once, in [0, number of stages].
        example: Inputs of at least one sample, to learn the calls from, and to compare both
            ways with; random state and running statistics are left as they were.

    Raises:
        ConfigError: `frontier` is out of range, a stage below it is not frozen, or the model
            cannot be cut there.
    """

    def __init__(self, backbone: StagedBackbone, frontier: int, example: Inputs) -> None:
        if not 0 <= frontier <= len(backbone.stages):
            raise bad_value("frontier", frontier, f"a whole number in [0, {len(backbone.stages)}]")
        self.backbone = backbone
        self.frontier = frontier
        self._calls: list[_Call] = []
        self._inputs: dict[str, Leaf] = {}
        if 0 < frontier < len(backbone.stages):
            self._check_frozen()
            with _evaluation(backbone):
                self._learn(first_and_last(example))
                self._compare(first_and_last(example))

    def values(self, inputs: Inputs) -> dict[str, Tensor]:
        """What the stages below the frontier make of a batch.

        Args:
            inputs: As the backbone reads them.

        Returns:
            Tensors of B in their first dimension, without a gradient: all that `features`
            needs. Rows of several batches can be put together again where the other
            dimensions agree.
        """
        with torch.inference_mode(False), torch.no_grad():
            if self.frontier == len(self.backbone.stages):
                return {"features": self.backbone(inputs)}
            if self.frontier == 0:
                return named(inputs)
            return self.rows(inputs, self.reached(inputs, {self.last_call})[self.last_call])

    def features(self, values: Mapping[str, Tensor]) -> Tensor:
        """The features, shape (B, D), from what `values` gave; the rest trains as ever."""
        if self.frontier == len(self.backbone.stages):
            return values["features"]
        with self.inserted(values) as inputs:
            features: Tensor = self.backbone(inputs)
        return features

    @contextmanager
    def inserted(self, values: Mapping[str, Tensor]) -> Iterator[Inputs]:
        """Inside, every call of the backbone goes on from `values`; give it the inputs that this yields.

        Raises:
            ConfigError: The frontier is above the last stage, where nothing is left to run,
                or the model takes another way than with the example.
        """
        if self.frontier == len(self.backbone.stages):
            raise bad_value("frontier", self.frontier, "a stage above it", "the method features")
        first = next(iter(values.values()))
        tokens = [value for name, value in values.items() if name.startswith("inputs/")]
        sizes = Sizes(len(first), tokens[0].shape[1] if tokens and tokens[0].ndim > 1 else 0)
        given = {
            name: values[name] if name in values else leaf.placeholder(sizes, first.device)
            for name, leaf in self._inputs.items()
        }
        inputs = unnamed(given) if self.frontier else unnamed(values)

        def answer(number: int, run: Callable[[], Any]) -> Any:
            leaves, form = self._calls[number].leaves, self._calls[number].form
            if number < len(self._calls) - 1:
                made = [leaf.placeholder(sizes, first.device) for leaf in leaves]
            else:
                made = [leaf.laid_out(values.get(f"stage/{i}")) for i, leaf in enumerate(leaves)]
            return pytree.tree_unflatten(made, form)

        with self._answering(answer):
            yield inputs

    @property
    def reach(self) -> str:
        """The last stage below the frontier."""
        return list(self.backbone.stages)[self.frontier - 1]

    @property
    def last_call(self) -> int:
        """The number of the call that gives the frontier's value; those below it come before."""
        return len(self._calls) - 1

    def reached(self, inputs: Inputs, calls: Container[int]) -> dict[int, Any]:
        """Run the network as far as the frontier; give what the calls of these numbers gave."""
        found: dict[int, Any] = {}
        try:
            with self._answering(functools.partial(self._kept, found, calls, True)):
                self.backbone.net(inputs)
        except _Reached:
            return found
        raise self._refused("it takes another way than with the example")

    def passed(self, inputs: Inputs, calls: Container[int]) -> tuple[dict[int, Any], Tensor]:
        """Run the whole backbone; give what the calls of these numbers gave, and its features."""
        found: dict[int, Any] = {}
        with self._answering(functools.partial(self._kept, found, calls, False)):
            features: Tensor = self.backbone(inputs)
        return found, features

    def _kept(
        self, found: dict[int, Any], calls: Container[int], stops: bool, number: int, run: Callable[[], Any]
    ) -> Any:
        output = run()
        if number in calls:
            found[number] = output
        if stops and number == self.last_call:
            raise _Reached
        return output

    def rows(self, inputs: Inputs, output: Any) -> dict[str, Tensor]:
        """What `values` gives, from the frontier's value itself."""
        by_name = named(inputs)
        kept = {name: value for name, value in by_name.items() if not value.is_floating_point()}
        size = len(next(iter(by_name.values())))
        leaves = enumerate(pytree.tree_leaves(output))
        made = {f"stage/{number}": _rows(leaf, size) for number, leaf in leaves if torch.is_tensor(leaf)}
        return {name: _plain(value) for name, value in (kept | made).items()}

    @property
    def per_token(self) -> frozenset[str]:
        """Names of the values whose second dimension is that of the tokens."""
        if not 0 < self.frontier < len(self.backbone.stages):
            return frozenset()
        inputs = [name for name, leaf in self._inputs.items() if leaf.has_tokens]
        stage = [f"stage/{n}" for n, leaf in enumerate(self._calls[-1].leaves) if leaf.has_tokens]
        return frozenset((*inputs, *stage))

    @contextmanager
    def _answering(self, answer: Callable[[int, Callable[[], Any]], Any]) -> Iterator[None]:
        """Let `answer` reply to the calls of the example, each with its number and how to run it."""
        done, inside = 0, False

        def standing_in(module: nn.Module, own: Callable[..., Any]) -> Callable[..., Any]:
            def forward(*args: Any, **kwargs: Any) -> Any:
                nonlocal done, inside
                if inside or done == len(self._calls):
                    return own(*args, **kwargs)
                if self._calls[done].module is not module:
                    raise self._refused("it takes another way than with the example")
                inside = True
                try:
                    return answer(done, lambda: own(*args, **kwargs))
                finally:
                    done, inside = done + 1, False

            return forward

        def start(*_: Any) -> None:
            nonlocal done
            done = 0

        with ExitStack() as restored:
            restored.callback(self.backbone.net.register_forward_pre_hook(start).remove)
            for module in {id(call.module): call.module for call in self._calls}.values():
                restored.callback(_restore, module, module.__dict__.get("forward"))
                module.__dict__["forward"] = standing_in(module, module.forward)
            yield

    def _learn(self, example: Inputs) -> None:
        """Record the outermost calls of modules below the frontier, up to the first above it."""
        depths = {
            id(module): depth
            for depth, stage in enumerate(self.backbone.stages)
            for top in self.backbone.stage_modules(stage)
            for module in top.modules()
        }
        by_name = named(example)
        longest = next(iter(by_name.values())).shape[1] if isinstance(example, dict) else 0
        self._inputs = {name: Leaf.of(value, longest) for name, value in by_name.items()}
        around, over = 0, False

        def enter(module: nn.Module, _: Any) -> None:
            nonlocal around, over
            over = over or (around == 0 and depths[id(module)] >= self.frontier)
            around += 1

        def leave(module: nn.Module, _: Any, output: Any) -> None:
            nonlocal around
            around -= 1
            if around == 0 and not over:
                leaves, form = pytree.tree_flatten(output)
                self._calls.append(_Call(module, [Leaf.of(leaf, longest) for leaf in leaves], form))

        with ExitStack() as hooks:
            for module in self.backbone.net.modules():
                if id(module) in depths:
                    hooks.callback(module.register_forward_pre_hook(enter).remove)
                    hooks.callback(module.register_forward_hook(leave).remove)
            self.backbone.net(example)
        last = self._calls[-1].leaves if self._calls else []
        if not any(leaf.dtype for leaf in last):
            raise self._refused("no module below it gives a tensor")
        if not all(leaf.dtype is None or leaf.is_per_sample for leaf in last):
            raise self._refused(f"its values {[leaf.shape for leaf in last]} are not one for each sample")

    def _compare(self, example: Inputs) -> None:
        whole, cut = self.backbone(example), self.features(self.values(example))
        if not torch.equal(whole, cut):
            greatest = float((whole - cut).abs().max())
            raise self._refused(f"what it gives differs by {greatest:.2g} from the whole network's")

    def _check_frozen(self) -> None:
        for stage in list(self.backbone.stages)[: self.frontier]:
            moving = any(tensor.requires_grad for tensor in self.backbone.stage_tensors(stage).values())
            tops = self.backbone.stage_modules(stage)
            if moving or any(module.training for top in tops for module in top.modules()):
                raise ConfigError(
                    f"frontier={self.frontier} leaves stage {stage!r} below it, which is not frozen",
                    fix="Network.freeze_except with the stages from the frontier on",
                )

    def _refused(self, why: str) -> ConfigError:
        recipe = self.backbone.recipe
        what = recipe.get("name") or recipe.get("_target_") or type(self.backbone.net).__name__
        below = list(self.backbone.stages)[self.frontier - 1]
        return ConfigError(
            f"{what} cannot be cut above stage {below!r}: {why}",
            fix="another frontier, or training without cached values",
        )


class _Reached(BaseException):
    """Leaves the network at the frontier, past whatever it catches."""


class _Call(NamedTuple):
    module: nn.Module
    leaves: list[Leaf]
    form: pytree.TreeSpec


@contextmanager
def _evaluation(backbone: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in backbone.modules()}
    backbone.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _restore(module: nn.Module, forward: Any) -> None:
    del module.__dict__["forward"]
    if forward is not None:
        module.__dict__["forward"] = forward


def _rows(value: Tensor, size: int) -> Tensor:
    return value if len(value) == size else value.expand(size, *value.shape[1:])


def _plain(value: Tensor) -> Tensor:
    return value.clone() if value.is_inference() else value
