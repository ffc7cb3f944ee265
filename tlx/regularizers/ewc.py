"""Elastic weight consolidation: weights that mattered are pulled to where they were."""

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
from tlx.errors import CheckpointError, ConfigError, unknown_name
from tlx.functional.drift import drift
from tlx.functional.fisher import DiagonalFisher
from tlx.origin.origin import Origin
from tlx.origin.ranges import check_count, check_strength
from tlx.origin.sharing import share
from tlx.types import Step

__all__ = ["EWC"]

Choice: TypeAlias = Literal["auto", "exact", "sampled", "empirical"]

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

    Args:
        strength: lambda, >= 0; the best one is found by sweeping it over several powers of ten.
        estimator: `exact`, over all classes; `sampled`, over answers drawn from the network's own
            probabilities; `empirical`, of the labels, another quantity; `auto`: exact for at most 20
            classes, else sampled.
        samples: Of the source, or of the target where there is no source; None: all.
        draws: Answers for each sample, >= 1; of `sampled`.

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
    ) -> None:
        check_strength("regularizer.ewc.strength", strength)
        if estimator not in get_args(Choice):
            raise unknown_name("regularizer.ewc.estimator", estimator, get_args(Choice))
        check_count("regularizer.ewc.samples", 1 if samples is None else samples, ", or null for all")
        check_count("regularizer.ewc.draws", draws)
        self.strength, self.estimator, self.samples, self.draws = strength, estimator, samples, draws

    def check(self, origin: Origin) -> None:
        origin.need_head("ewc")
        if self.estimator == "empirical" and origin.source is None:
            raise ConfigError(
                "regularizer.ewc.estimator=empirical needs original labels, and there is no source",
                fix="data@source=folder source.root=FOLDER, or regularizer.ewc.estimator=sampled",
            )

    def bytes_kept(self, origin: Origin) -> int:
        """A number for each weight that ever trains and was pre-trained."""
        sizes = (
            len(name) + now.numel() * (8 if now.dtype == torch.float64 else 4)
            for name, now, _ in origin.pairs
        )
        return AROUND * (1 + len(origin.pairs)) + sum(sizes)

    def begin(self, origin: Origin) -> None:
        self._origin = origin
        path = origin.folder / "ewc.safetensors"
        if not origin.world.agree(origin.world.is_first and is_whole(path)):
            share(origin, path, "Fisher information", self.samples, self._determined_by(), self._write)
        self._fisher = load_file(path)
        self._hash = file_hash(path)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pulled = [pair for pair in self._origin.pairs if pair[1].requires_grad]
        self._now = [now for _, now, _ in pulled]
        self._before = [before.to(now.device) for _, now, before in pulled]
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
        return {"estimator": self.estimator, "samples": self.samples, "draws": self.draws}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._origin.check(state_dict["origin"])
        before = state_dict["made_by"]
        if before != self._made_by:
            settings = ", ".join(f"{name}={value}" for name, value in before.items())
            raise CheckpointError(
                f"the Fisher information of this run was made by {settings}, and is not made again",
                fix="regularizer.ewc as it was but for its strength, or a new run",
            )
        if state_dict["fisher"] != self._hash:
            raise CheckpointError(
                "the Fisher information of regularizer=ewc is another one than when the run began",
                where=str(self._origin.folder / "ewc.safetensors"),
                fix="the file and the source as they were, or a new run",
            )

    @property
    def _chosen(self) -> Any:
        few = len(self._origin.classes) <= FEW_CLASSES
        return ("exact" if few else "sampled") if self.estimator == "auto" else self.estimator

    def _determined_by(self) -> dict[str, Any]:
        """What the information depends on beside network and samples; the seed, where answers are drawn."""
        names, drawn = [name for name, _, _ in self._origin.pairs], {}
        if self._chosen == "sampled":
            drawn = {"draws": self.draws, "seed": seed_of(self._origin.seed, 7)}
        return {"estimator": self._chosen, "weights": names, **drawn}

    def _write(self, path: Path) -> None:
        origin, names = self._origin, [name for name, _, _ in self._origin.pairs]
        generator = torch.Generator().manual_seed(seed_of(origin.seed, 7))
        fisher = DiagonalFisher(origin.network, names, self._chosen, draws=self.draws, generator=generator)
        for batch in origin.batches(self.samples):
            fisher.add(batch.inputs, batch.targets, batch.ids)
        sums, count = fisher.sums, torch.tensor(fisher.count, device=next(origin.network.parameters()).device)
        if origin.world.size > 1:
            for part in (*sums.values(), count):
                torch.distributed.all_reduce(part)
        mean = {name: (part / int(count)).cpu().contiguous() for name, part in sums.items()}
        if origin.world.is_first:
            write_durably(path, lambda to: save_file(mean, to), sidecar=True)
        origin.world.agree(None)
