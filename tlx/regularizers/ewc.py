"""Elastic weight consolidation: weights that mattered are pulled to where they were."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import torch
import torch.distributed
from lightning.pytorch import Callback, LightningModule, Trainer
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tlx.checkpoint.durable import file_hash, is_whole, write_durably
from tlx.checkpoint.randomness import seed_of
from tlx.checkpoint.space import AROUND
from tlx.errors import CheckpointError, ConfigError, bad_value, unknown_name
from tlx.functional.consolidation import Pull, both_pulls
from tlx.functional.drift import drift
from tlx.functional.fisher import DiagonalFisher
from tlx.origin.handed_on import ANCHOR, TASKS, check_taken_over, handed_on, taken_over
from tlx.origin.origin import Origin
from tlx.origin.ranges import check_count, check_strength
from tlx.origin.sharing import share
from tlx.types import Step

__all__ = ["ANCHOR", "EWC"]

FILE = "ewc.safetensors"
Tasks: TypeAlias = Literal["separate", "online"]
Choice: TypeAlias = Literal["auto", "exact", "sampled", "empirical", "batched"]

LABELLED = ("empirical", "batched")
"""Estimators that read original labels."""

FEW_CLASSES = 20
"""Up to which the exact information costs no more than is worth it: a backward pass for each class."""


class EWC(Callback):
    r"""Adds :math:`\frac{\lambda}{2} \sum_i F_i (\theta_i - \theta^*_i)^2` over pre-trained weights.

    F is the diagonal Fisher information of the original network (Kirkpatrick et al. 2017, arXiv
    1612.00796), a mean over samples of squared gradients of each sample by itself, of its own answers
    unless `empirical` is asked for (van de Ven 2025, arXiv 2502.11756). With losses that are means over
    samples, the Laplace approximation gives lambda = N of the source / N of the target; published
    strengths without the half are half of ours. F is written once, beside the checkpoints, and its hash is
    in each of them.

    Where the run goes on from one that held on to something by EWC itself (`init_from`, with
    `init_head=kept` or `continued`), only the newest of the tasks is measured, and what was known of those
    before is taken over from that run. The newest is the last of the sources that a source is joined of,
    and in it the classes of the newest head. A softmax runs over the classes of one head.

    Args:
        strength: lambda, >= 0; the best one is found by sweeping it over several powers of ten.
        estimator: `exact`, over all classes; `sampled`, over answers drawn from the network's own
            probabilities; `empirical`, of the labels, another quantity; `auto`: exact for at most 20
            classes, else sampled. `batched`, the square of a batch's mean gradient, is **wrong**, and here
            to repeat what others have published with it; batches are those of `source.eval_batch_size`.
        samples: Of the source, or of the target where there is no source; None: all.
        draws: Answers for each sample, >= 1; of `sampled`.
        tasks: Of several tasks, one after another. `separate`: each is held on to where it ended, a term
            for each (added up by `both_pulls`). `online`: :math:`\tilde F_t = \gamma \tilde F_{t-1} + F_t`
            around where the last one ended (Schwarz et al. 2018, arXiv 1805.06370).
        decay: gamma of `online`, in [0, 1].

    Raises:
        ConfigError: A value is out of its range.
    """

    name = "ewc"
    reads_original = False
    replaces_weight_decay = False

    def __init__(
        self,
        strength: float = 1000.0,
        estimator: str = "auto",
        samples: int | None = 2000,
        draws: int = 1,
        tasks: str = "separate",
        decay: float = 1.0,
    ) -> None:
        check_strength("regularizer.ewc.strength", strength)
        if estimator not in get_args(Choice):
            raise unknown_name("regularizer.ewc.estimator", estimator, get_args(Choice))
        check_count("regularizer.ewc.samples", 1 if samples is None else samples, ", or null for all")
        check_count("regularizer.ewc.draws", draws)
        if draws > 1 and estimator not in ("sampled", "auto"):
            allowed, way = (
                f"1 of estimator={estimator}, which draws nothing",
                "regularizer.ewc.estimator=sampled",
            )
            raise bad_value("regularizer.ewc.draws", draws, allowed, way)
        if tasks not in get_args(Tasks):
            raise unknown_name("regularizer.ewc.tasks", tasks, get_args(Tasks))
        if not 0 <= decay <= 1:
            raise bad_value("regularizer.ewc.decay", decay, "a number in [0, 1]")
        if tasks == "separate" and decay != 1:
            raise bad_value(
                "regularizer.ewc.decay", decay, "1 of separate tasks", "regularizer.ewc.tasks=online"
            )
        self.strength, self.estimator, self.samples, self.draws = strength, estimator, samples, draws
        self.tasks, self.decay = tasks, decay

    def check(self, origin: Origin) -> None:
        origin.need_head("ewc")
        if self.estimator in LABELLED and origin.source is None:
            raise ConfigError(
                f"regularizer.ewc.estimator={self.estimator} needs original labels, and there is no source",
                fix="data@source=folder source.root=FOLDER, or regularizer.ewc.estimator=sampled",
            )
        if not (origin.folder / FILE).is_file():
            check_taken_over(origin, FILE, self.tasks, self.samples)

    def said(self, origin: Origin) -> list[str]:
        """What becomes of earlier tasks and of settings that are not read, in lines for people."""
        lines = taken_over(origin, FILE, self.tasks, self.decay, self.samples)
        if self.draws > 1 and {self._chosen(group) for group in origin.groups} == {"exact"}:
            lines.append(
                f"regularizer.ewc.draws={self.draws} is not read: of at most {FEW_CLASSES} classes "
                "estimator=auto is exact; regularizer.ewc.estimator=sampled draws"
            )
        return lines

    def detail(self, origin: Origin) -> str:
        """Which estimator it is."""
        chosen = sorted({self._chosen(group) for group in origin.groups})
        return f"{' and '.join(chosen)} Fisher information"

    def bytes_kept(self, origin: Origin) -> int:
        """A number for each weight that ever trains and was pre-trained; of separate tasks two."""
        sizes = (
            len(name) + now.numel() * (8 if now.dtype == torch.float64 else 4)
            for name, now, _ in origin.pairs
        )
        files = 2 if origin.network.backbone.known and self.tasks == "separate" else 1
        return AROUND * (1 + files * len(origin.pairs)) + files * sum(sizes)

    def begin(self, origin: Origin) -> None:
        self._origin = origin
        path = origin.folder / FILE
        if not origin.world.agree(origin.world.is_first and is_whole(path)):
            samples, made_by = self._determined_by()
            share(origin, path, "Fisher information", samples, made_by, self._write)
        held = load_file(path)
        self._fisher = {name: value for name, value in held.items() if not name.startswith(ANCHOR)}
        self._anchors = {name.removeprefix(ANCHOR): held[name] for name in held.keys() - self._fisher.keys()}
        self._hash = file_hash(path)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pulled = [pair for pair in self._origin.pairs if pair[1].requires_grad]
        self._now = [now for _, now, _ in pulled]
        self._before = [self._anchors.get(name, before).to(now.device) for name, now, before in pulled]
        self._importance = [self._fisher[name].to(now.device) for name, now, _ in pulled]

    def loss_term(self, module: nn.Module, step: Step) -> Tensor:
        """The pull of this step, shape (); 0 while nothing below the heads trains."""
        term = 0.5 * self.strength * drift(self._now, self._before, self._importance)
        return term.to(step.logits.device)

    def state_dict(self) -> dict[str, Any]:
        return {"origin": self._origin.digest, "fisher": self._hash, "made_by": self._made_by}

    @property
    def _made_by(self) -> dict[str, Any]:
        """What the information depends on, beside the network and the samples."""
        names = ("estimator", "samples", "draws", "tasks", "decay")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._origin.check(state_dict["origin"])
        before = state_dict["made_by"]
        if any(self._made_by.get(name) != value for name, value in before.items()):
            settings = ", ".join(f"{name}={value}" for name, value in before.items())
            raise CheckpointError(
                f"the Fisher information of this run was made by {settings}, and is not made again",
                fix="regularizer.ewc as it was but for its strength, or a new run",
            )
        if state_dict["fisher"] != self._hash:
            raise CheckpointError(
                "the Fisher information of regularizer=ewc is another one than when the run began",
                where=str(self._origin.folder / FILE),
                fix="the file and the source as they were, or a new run",
            )

    def _chosen(self, group: range) -> Any:
        few = len(group) <= FEW_CLASSES
        return ("exact" if few else "sampled") if self.estimator == "auto" else self.estimator

    def _determined_by(self) -> tuple[int | None, dict[str, Any]]:
        """How many samples the information is of, and what else it depends on beside the network.

        The seed is among it where answers are drawn. Of several heads each is measured on samples of its
        own, so all samples count, and how they are drawn.
        """
        origin = self._origin
        chosen = [self._chosen(group) for group in origin.groups]
        found: dict[str, Any] = {"estimator": chosen, "weights": [name for name, _, _ in origin.pairs]}
        found["tasks"] = self.tasks  # which the file says
        if "sampled" in chosen:
            found |= {"draws": self.draws, "seed": seed_of(origin.seed, 7)}
        if not origin.network.backbone.known:
            return self.samples, found
        earlier = origin.earlier / FILE if origin.earlier is not None else None
        found |= {"groups": [len(group) for group in origin.groups], "count": self.samples}
        found |= {"drawn by": origin.seed, "decay": self.decay}
        known = file_hash(earlier) if earlier is not None and is_whole(earlier) else None
        return None, found | {"earlier": known}

    def _write(self, path: Path) -> None:
        origin = self._origin
        earlier = self._earlier()
        groups = origin.groups[-1:] if earlier else origin.groups
        measured = [self._measured(group, newest=bool(earlier)) for group in groups]
        counted = [means for means in measured if means is not None]
        if not counted:
            raise ConfigError(
                "regularizer=ewc measures samples of the newest head's classes, and the source has none",
                fix="data@source=..., with samples of them",
            )
        found = {name: torch.stack([means[name] for means in counted]).sum(0) for name in counted[0]}
        earlier |= self._of_weights_at_rest(earlier)
        held = self._with_earlier(found, earlier) if origin.network.backbone.known else found
        if origin.world.is_first:
            write_durably(path, lambda to: save_file(held, to, {TASKS: self.tasks}), sidecar=True)
        origin.world.agree(None)

    def _of_weights_at_rest(self, earlier: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What earlier tasks make of weights that the run before left frozen, and so did not measure.

        They are where they were, so that every earlier task is measured on its own samples now.
        """
        resting = frozenset(name for name, _, _ in self._origin.pairs if name not in earlier)
        older = self._origin.groups[:-1]
        if not earlier or not resting:
            return {}
        found: dict[str, Tensor] = {}
        for age, group in enumerate(reversed(older)):
            means = self._measured(group, newest=False, among=resting) or {}
            fades = self.decay**age if self.tasks == "online" else 1.0
            for name, mean in means.items():
                found[name] = found.get(name, torch.zeros_like(mean)) + fades * mean
        return found

    def _measured(
        self, group: range, newest: bool, among: frozenset[str] | None = None
    ) -> dict[str, Tensor] | None:
        """The information of samples of some classes, of all weights or some; None where there are none."""
        origin, alone = self._origin, len(self._origin.groups) == 1
        names = {
            origin.original_name(name): name for name, _, _ in origin.pairs if among is None or name in among
        }
        generator = torch.Generator().manual_seed(seed_of(origin.seed, 7))
        columns = None if alone else list(group)
        fisher = DiagonalFisher(
            origin.network,
            names,
            self._chosen(group),
            draws=self.draws,
            generator=generator,
            columns=columns,
            forward=nn.Module.__call__,  # named tensors of a text are one argument
        )
        for batch in origin.batches(self.samples, None if alone else group, newest):
            fisher.add(batch.inputs, batch.targets, batch.ids)
        sums, count = fisher.sums, torch.tensor(fisher.count, device=next(origin.network.parameters()).device)
        if origin.world.size > 1:
            for part in (*sums.values(), count):
                torch.distributed.all_reduce(part)
        if not int(count):
            return None
        return {names[name]: (part / int(count)).cpu().contiguous() for name, part in sums.items()}

    def _earlier(self) -> dict[str, Tensor]:
        """What the run that this one goes on from held on to by EWC, where it can be gone on with."""
        handed = handed_on(self._origin.earlier, FILE)
        return load_file(handed.path) if handed is not None and handed.fits(self.tasks) else {}

    def _with_earlier(self, found: dict[str, Tensor], earlier: dict[str, Tensor]) -> dict[str, Tensor]:
        """The information of all tasks; of separate ones with where it pulls to, for runs to come."""
        held: dict[str, Tensor] = {}
        for name, _, before in self._origin.pairs:
            known = earlier.get(name, torch.zeros_like(found[name]))
            if self.tasks == "online":
                held[name] = self.decay * known + found[name]
            else:
                pull = Pull(found[name], before.detach().cpu().contiguous())
                if earlier:
                    pull = both_pulls(Pull(known, earlier.get(ANCHOR + name, pull.anchor)), pull)
                held |= {name: pull.importance, ANCHOR + name: pull.anchor}
        return held
