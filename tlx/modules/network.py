"""Backbone and head as one network that knows which of its parts train."""

from collections.abc import Iterable, Iterator

from torch import Tensor, nn

from tlx.backbones.staged import StagedBackbone
from tlx.errors import unknown_name
from tlx.plan import HEAD, split_part
from tlx.types import Inputs

__all__ = ["Network", "is_norm"]


class Network(nn.Module):
    """What a LightningModule, DDP and a bundle hold: maps inputs to logits (B, K).

    Frozen means: no gradient, and evaluation mode however often `train()` is called, so that
    neither a parameter nor a running statistic moves and no dropout acts. A frozen prefix
    records no graph, since neither its inputs nor its parameters ask for a gradient.
    """

    def __init__(self, backbone: StagedBackbone, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.parts: frozenset[str] = frozenset()
        self.freeze_except((*backbone.stages, HEAD))

    def forward(self, inputs: Inputs) -> Tensor:
        """Logits, shape (B, K), before softmax."""
        logits: Tensor = self.head(self.backbone(inputs))
        return logits

    def freeze_except(self, parts: Iterable[str]) -> None:
        """Let `parts` (stages, `stage:norm`, `head`) train and freeze all else; idempotent.

        Raises:
            ConfigError: A part names no stage.
        """
        self.parts = frozenset(parts)
        known = (*self.backbone.stages, HEAD)
        for part in self.parts:
            if split_part(part)[0] not in known:
                raise unknown_name("stage", part, known)
        self.requires_grad_(False)
        for _, parameter in self.trainable():
            parameter.requires_grad_(True)
        self.train(self.training)

    def train(self, mode: bool = True) -> "Network":
        super().train(False)
        self.training = mode
        if mode:
            for module in self._active_modules():
                module.training = True
        return self

    def named_parts(self) -> Iterator[tuple[str, str, nn.Parameter]]:
        """Every parameter that could ever train: its stage or `head`, its name, itself."""
        for stage in self.backbone.stages:
            for name, tensor in self.backbone.stage_tensors(stage).items():
                if isinstance(tensor, nn.Parameter):
                    yield stage, f"backbone.net.{name}", tensor
        for name, parameter in self.head.named_parameters():
            yield HEAD, f"head.{name}", parameter

    def trainable(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Name and parameter of all that `parts` lets train."""
        norms = {id(p) for module in self.modules() if is_norm(module) for p in module.parameters()}
        for stage, name, parameter in self.named_parts():
            if stage in self.parts or (f"{stage}:norm" in self.parts and id(parameter) in norms):
                yield name, parameter

    def parameter_groups(self) -> list[dict[str, object]]:
        """All groups an optimizer will ever need: part times decay, in a fixed order.

        Norms, biases and other vectors are not decayed (their group has `weight_decay` 0).
        Rates are 0 until the plan sets them.
        """
        groups: list[dict[str, object]] = []
        for part in (*self.backbone.stages, HEAD):
            mine = [parameter for stage, _, parameter in self.named_parts() if stage == part]
            decayed = [parameter for parameter in mine if parameter.ndim > 1]
            plain = [parameter for parameter in mine if parameter.ndim <= 1]
            for kind, parameters in (("decay", decayed), ("no_decay", plain)):
                if parameters:
                    group = {"params": parameters, "lr": 0.0, "name": f"{part}/{kind}"}
                    groups.append(group if kind == "decay" else group | {"weight_decay": 0.0})
        return groups

    def _active_modules(self) -> Iterator[nn.Module]:
        stages = self.backbone.stages
        owned: set[int] = set()
        for stage in stages:
            inside = [m for top in self.backbone.stage_modules(stage) for m in top.modules()]
            owned.update(map(id, inside))
            if stage in self.parts:
                yield from inside
            elif f"{stage}:norm" in self.parts:
                yield from (module for module in inside if is_norm(module))
        if HEAD in self.parts:
            yield from self.head.modules()
        if next(reversed(stages), None) in self.parts:
            yield from (m for m in self.backbone.net.modules() if id(m) not in owned)


def is_norm(module: nn.Module) -> bool:
    """Whether a module normalises: torch's norms, and any leaf whose class says so."""
    return "Norm" in type(module).__name__ and not list(module.children())
