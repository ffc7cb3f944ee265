"""Backbone and head as one network that knows which of its parts train."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from torch import Tensor, nn

from tlx.backbones.cut import Cut
from tlx.backbones.known_heads import KnownHeads
from tlx.backbones.staged import StagedBackbone
from tlx.errors import ConfigError, TlxError, unknown_name
from tlx.plan import HEAD, Norms, check_norms, split_part
from tlx.types import FrontierValues, Inputs

__all__ = ["Answers", "Network", "is_norm"]


class Answers(NamedTuple):
    """What two heads say of the same features."""

    outputs: Tensor  # (B, K), of the task
    original: Tensor  # (B, K of the source), of the weights' original head


class Network(nn.Module):
    """What a LightningModule, DDP and a bundle hold: maps inputs to outputs (B, K).

    Frozen means: no gradient, and evaluation mode however often `train()` is called, so that
    neither a parameter nor a running statistic moves and no dropout acts. A frozen prefix
    records no graph, since neither its inputs nor its parameters ask for a gradient. The norms
    of the backbone can stay frozen inside a stage that trains: their weights and biases
    without a gradient, their running statistics by evaluation mode.

    Attributes:
        cut: The backbone in two halves, for inputs that are what the lower one gave.
        temperature: What the outputs, which stay as they were trained, are divided by where calibrated
            probabilities are made of them. Fitted at the end of a run, 1 until then.

    Args:
        backbone: What gives the features.
        head: Maps features (B, D) to (B, K).
        output: Stands on the head and never trains.
        continues: Whether the head goes on from the newest of the backbone's known heads, so that it is
            this one that answers for the classes of that one.
    """

    def __init__(
        self,
        backbone: StagedBackbone,
        head: nn.Module,
        output: nn.Module | None = None,
        continues: bool = False,
    ) -> None:
        super().__init__()
        self.continues = continues
        self.backbone = backbone
        self.head = head
        self.output = output if output is not None else nn.Identity()
        self.cut: Cut | None = None
        self.temperature = 1.0
        self.parts: frozenset[str] = frozenset()
        self.norms: Norms = "train"
        self.freeze_except((*backbone.stages, HEAD))

    def forward(self, inputs: Inputs | FrontierValues, original: bool = False) -> Any:
        """What the task reads, shape (B, K): logits before softmax or sigmoid, or numbers.

        Args:
            inputs: Of the backbone, or what its frozen stages gave.
            original: Give `Answers`, with what the original head says of the same features.
        """
        if not original:
            return self.output(self.head(self.features(inputs)))
        if self.continues:
            features = self.features(inputs)
            logits = self.head(features)
            return Answers(self.output(logits), self._known.beside(features, logits))
        trunk = self._trunk(inputs)
        outputs = self.output(self.head(self.backbone.pool(trunk)))
        return Answers(outputs, self.backbone.original_answer(trunk))

    def original_logits(self, inputs: Inputs | FrontierValues) -> Tensor:
        """What the network says of the original classes, shape (B, K of the source).

        Raises:
            ConfigError: The weights came without a head.
        """
        if not self.continues and not isinstance(inputs, FrontierValues):
            return self.backbone.original_logits(inputs)
        logits: Tensor = self(inputs, original=True).original
        return logits

    @property
    def _known(self) -> KnownHeads:
        known = self.backbone.original_head
        if not isinstance(known, KnownHeads):
            raise TlxError("a head goes on from a known one, and the backbone has none")
        return known

    def _trunk(self, inputs: Inputs | FrontierValues) -> Any:
        if not isinstance(inputs, FrontierValues):
            return self.backbone.net(inputs)
        with self._cut_at(inputs.frontier).inserted(inputs.values) as given:
            return self.backbone.net(given)

    def features(self, inputs: Inputs | FrontierValues) -> Tensor:
        """What the head reads, shape (B, D); from stored values only the stages above them run.

        Raises:
            TlxError: The values are those of another frontier than the network is cut at.
        """
        if not isinstance(inputs, FrontierValues):
            features: Tensor = self.backbone(inputs)
            return features
        return self._cut_at(inputs.frontier).features(inputs.values)

    def _cut_at(self, frontier: int) -> Cut:
        at = None if self.cut is None else self.cut.frontier
        if self.cut is None or at != frontier:
            raise TlxError(f"values of frontier {frontier} for a network cut at {at}")
        return self.cut

    def freeze_except(self, parts: Iterable[str], norms: Norms = "train") -> None:
        """Let `parts` (stages, `stage:norm`, `head`) train and freeze all else; idempotent.

        Args:
            parts: What trains.
            norms: What of the backbone's norms stays frozen all the same, see `tlx.plan.Norms`.
                A norm without running statistics computes alike in both modes.

        Raises:
            ConfigError: A part names no stage, norms shall train that are frozen by `norms`,
                or only norms of the backbone shall train and it has none.
        """
        parts = tuple(parts)
        known = (*self.backbone.stages, HEAD)
        for part in parts:
            if split_part(part)[0] not in known:
                raise unknown_name("stage", part, known)
        check_norms(norms, parts)
        self._check_there_are_norms(parts)
        self.parts, self.norms = frozenset(parts), norms
        self.requires_grad_(False)
        for _, parameter in self.trainable():
            parameter.requires_grad_(True)
        self.train(self.training)

    def train(self, mode: bool = True) -> "Network":
        super().train(False)
        self.training = mode
        if mode:
            still = self._norms() if self.norms in ("statistics", "all") else {}
            for module in self._active_modules():
                module.training = id(module) not in still
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
        norms = {id(p) for norm in self._norms().values() for p in norm.parameters()}
        frozen = norms if self.norms in ("affine", "all") else set()
        for stage, name, parameter in self.named_parts():
            whole = stage in self.parts and id(parameter) not in frozen
            if whole or (f"{stage}:norm" in self.parts and id(parameter) in norms):
                yield name, parameter

    def parameter_groups(self) -> list[dict[str, object]]:
        """All groups an optimizer will ever need: part times decay, in a fixed order.

        Norms, biases and other vectors are not decayed (their group has `weight_decay` 0).
        Rates are 0 until the plan sets them.
        """
        groups: list[dict[str, object]] = []
        held = [(stage, parameter) for stage, _, parameter in self.named_parts()]
        for part in (*self.backbone.stages, HEAD):
            mine = [parameter for stage, parameter in held if stage == part]
            decayed = [parameter for parameter in mine if parameter.ndim > 1]
            plain = [parameter for parameter in mine if parameter.ndim <= 1]
            for kind, parameters in (("decay", decayed), ("no_decay", plain)):
                if parameters:
                    group = {"params": parameters, "lr": 0.0, "name": f"{part}/{kind}"}
                    groups.append(group if kind == "decay" else group | {"weight_decay": 0.0})
        return groups

    def _norms(self) -> dict[int, nn.Module]:
        """The backbone's norms, by identity."""
        return {id(module): module for module in self.backbone.net.modules() if is_norm(module)}

    def _check_there_are_norms(self, parts: Iterable[str]) -> None:
        stages = [split_part(part)[0] for part in parts if split_part(part)[1]]
        held = {id(p) for norm in self._norms().values() for p in norm.parameters()}
        mine = (tensor for stage in stages for tensor in self.backbone.stage_tensors(stage).values())
        if stages and not any(id(tensor) in held for tensor in mine):
            raise ConfigError(
                f"only the norms of {', '.join(stages[:3])}{' ...' if len(stages) > 3 else ''} shall train, "
                "and there is none with weights",
                fix="strategy=partial, or a model with norms, say model=resnet18",
            )

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
    """Whether a module normalises: its class or a base of it says so, and no child holds tensors."""
    inner = (tensor for child in module.children() for tensor in (*child.parameters(), *child.buffers()))
    named = any("Norm" in kind.__name__ for kind in type(module).__mro__)
    return named and next(inner, None) is None
