"""A backbone as an ordered list of named stages, whatever library it comes from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tlx.backbones.known_heads import KnownHead, KnownHeads
from tlx.errors import ConfigError
from tlx.types import Inputs, Preprocessing

__all__ = ["StagedBackbone"]


class StagedBackbone(nn.Module):
    """A pre-trained network without its last classifying layer, cut into stages.

    Attributes:
        known: What earlier runs told apart, where their heads stand for the original one.

    Args:
        net: Maps inputs to what the original head reads: features (B, D), or a map
            (B, D, H, W).
        stages: Stage name to the prefixes of `net`'s parameters and modules that belong to
            it, from the input up. Together they hold every parameter and buffer exactly once.
        out_features: D.
        preprocessing: What the weights were trained with.
        recipe: `_target_` and arguments that build this backbone again without its weights,
            as plain values.
        fresh: Builds the same `net` with random values.
        pool: Maps what `net` returns to features (B, D).
        original_head: Maps what `net` returns to the classes the weights know; never trains.
        original_classes: Their names.
        weights: What the values are, for people: "random", an enum name, a file and its hash.
        save: Writes what `recipe` cannot hold (a config file) into a folder.

    Raises:
        ConfigError: The stages leave a parameter out, or name one twice.
    """

    def __init__(
        self,
        net: nn.Module,
        stages: Mapping[str, Iterable[str]],
        *,
        out_features: int,
        preprocessing: Preprocessing,
        recipe: Mapping[str, Any],
        fresh: Callable[[], nn.Module],
        pool: nn.Module | None = None,
        original_head: nn.Module | None = None,
        original_classes: Iterable[str] = (),
        weights: str = "random",
        save: Callable[[Path], None] | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.pool = pool if pool is not None else nn.Identity()
        self.original_head = original_head
        if original_head is not None:
            original_head.requires_grad_(False).eval()
        self.original_classes = tuple(original_classes)
        self.known: tuple[KnownHead, ...] = ()
        self.stages = {name: tuple(prefixes) for name, prefixes in stages.items()}
        self.out_features = out_features
        self.preprocessing = preprocessing
        self.recipe = dict(recipe)
        self.weights = weights
        self._fresh = fresh
        self._save = save
        self._laying_out: RemovableHandle | None = None
        self._check_stages()

    def forward(self, inputs: Inputs) -> Tensor:
        """Features, shape (B, D)."""
        features: Tensor = self.pool(self.net(inputs))
        return features

    def lay_out(self, memory_format: torch.memory_format) -> None:
        """Let weights and the pictures that come in lie in memory as `memory_format` says."""
        self.net.to(memory_format=memory_format)
        if self._laying_out is not None:
            self._laying_out.remove()
            self._laying_out = None
        if memory_format is not torch.contiguous_format:
            self._laying_out = self.net.register_forward_pre_hook(_laid_out(memory_format))

    def know(self, known: Sequence[KnownHead], heads: Sequence[nn.Module]) -> None:
        """Let heads of earlier runs stand for the original head; they never train.

        Args:
            known: What each of them tells apart, at least one; no class twice.
            heads: They themselves.
        """
        self.known = tuple(known)
        self.original_head = KnownHeads(self.pool, heads).requires_grad_(False).eval()
        self.original_classes = tuple(name for each in self.known for name in each.classes)

    @property
    def original_groups(self) -> tuple[int, ...]:
        """How many of the original classes each of the original heads tells apart."""
        return tuple(len(each.classes) for each in self.known) or (len(self.original_classes),)

    def original_logits(self, inputs: Inputs) -> Tensor:
        """Logits of the classes the weights know, shape (B, K of the source).

        Raises:
            ConfigError: The weights came without a head.
        """
        head = self._known_head()  # before anything is computed
        logits: Tensor = head(self.net(inputs))
        return logits

    def original_answer(self, trunk: Any) -> Tensor:
        """The same, from what `net` gave.

        Raises:
            ConfigError: The weights came without a head.
        """
        logits: Tensor = self._known_head()(trunk)
        return logits

    def _known_head(self) -> nn.Module:
        if self.original_head is None:
            raise ConfigError(f"the weights {self.weights!r} come without an original head")
        return self.original_head

    def train(self, mode: bool = True) -> Self:
        """Switch to training or evaluation; the original head stays in evaluation."""
        super().train(mode)
        if self.original_head is not None:
            self.original_head.eval()
        return self

    def save_architecture(self, folder: Path) -> bool:
        """Write what `recipe` cannot hold into `folder`; False where it holds everything."""
        if self._save is None:
            return False
        folder.mkdir(parents=True, exist_ok=True)
        self._save(folder)
        return True

    def stage_tensors(self, stage: str) -> dict[str, Tensor]:
        """Parameters and buffers of a stage by their name in `net`, the very objects."""
        tensors = dict(self.net.named_parameters()) | dict(self.net.named_buffers())
        return {name: tensor for name, tensor in tensors.items() if _belongs(name, self.stages[stage])}

    def stage_modules(self, stage: str) -> list[nn.Module]:
        """The top-most modules that belong to a stage."""
        modules = dict(self.net.named_modules())
        return [modules[prefix] for prefix in self.stages[stage] if prefix in modules]

    def reinitialise(self, stages: Iterable[str], seed: int) -> None:
        """Give stages random values, drawn from `seed` alone; the global state is left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh = self._fresh()
        values = dict(fresh.named_parameters()) | dict(fresh.named_buffers())
        with torch.no_grad():
            for stage in stages:
                for name, tensor in self.stage_tensors(stage).items():
                    tensor.copy_(values[name])

    def _check_stages(self) -> None:
        names = [name for name, _ in self.net.named_parameters()]
        names += [name for name, _ in self.net.named_buffers()]
        owners = {n: [s for s, prefixes in self.stages.items() if _belongs(n, prefixes)] for n in names}
        lost = [name for name, stages in owners.items() if not stages]
        doubled = [name for name, stages in owners.items() if len(stages) > 1]
        empty = [s for s in self.stages if not any(s in stages for stages in owners.values())]
        if lost or doubled or empty:
            raise ConfigError(
                f"the stages do not divide the network: in none {lost[:3]}, in two {doubled[:3]}, "
                f"without a parameter {empty[:3]}",
                where=str(self.recipe.get("_target_", type(self.net).__name__)),
                fix="name each child of the network in exactly one stage",
            )


def _belongs(name: str, prefixes: Iterable[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def _laid_out(memory_format: torch.memory_format) -> Callable[[nn.Module, tuple[Any, ...]], Any]:
    def lay_out(module: nn.Module, inputs: tuple[Any, ...]) -> Any:
        pictures = inputs[0]
        if not torch.is_tensor(pictures) or pictures.ndim != 4 or not any(pictures.stride()):
            return None  # tokens, or a placeholder, which takes no memory
        return (pictures.contiguous(memory_format=memory_format), *inputs[1:])

    return lay_out
