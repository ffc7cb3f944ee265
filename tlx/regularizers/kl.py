"""A penalty on how far the answers for the original classes move."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from tlx.errors import unknown_name
from tlx.functional.distillation import divergence
from tlx.origin.comparison import RATIO, SAMPLES, Comparison
from tlx.origin.origin import Origin
from tlx.origin.ranges import check_strength
from tlx.types import Step

__all__ = ["KL"]

DIRECTIONS = ("reverse", "forward")


class KL(Callback):
    r"""Adds :math:`\beta\, KL(\pi_\theta \| \pi_0)` over all original classes, a mean over samples.

    The penalty that keeps a fine-tuned model near the one it came from (Ziegler et al. 2019, arXiv
    1909.08593; Ouyang et al. 2022, arXiv 2203.02155). There it is estimated from one sampled answer;
    here it is exact, summed over every class, which a fixed set of samples needs: estimators from
    samples of the old answers would be of another quantity. `forward` is KL(pi_0 || pi_theta), the
    gradient of LwF at temperature 1.

    Args:
        strength: beta, >= 0.
        direction: `reverse`, which lets go of answers that were unlikely, or `forward`, which covers all.
        inputs: What is answered: `source`, `target`, or `auto`: source where there is one.
        samples: Of the source that are kept in memory, >= 1.
        ratio: Samples of the source for each sample of a batch, > 0 and <= 100.

    Raises:
        ConfigError: A value is out of its range.
    """

    name = "kl"
    replaces_weight_decay = False

    def __init__(
        self,
        strength: float = 1.0,
        direction: str = "reverse",
        inputs: str = "auto",
        samples: int = SAMPLES,
        ratio: float = RATIO,
    ) -> None:
        check_strength("regularizer.kl.strength", strength)
        if direction not in DIRECTIONS:
            raise unknown_name("regularizer.kl.direction", direction, DIRECTIONS)
        self.strength, self.direction = strength, direction
        self.comparison = Comparison("kl", inputs, samples, ratio)

    @property
    def reads_original(self) -> bool:
        """Whether the original head shall be asked in the step's own pass."""
        return self.comparison.reads_original

    def check(self, origin: Origin) -> None:
        self.comparison.check(origin)

    def said(self, origin: Origin) -> list[str]:
        """Which settings are not read, in lines for people."""
        return self.comparison.said(origin)

    def bytes_kept(self, origin: Origin) -> int:
        return 0

    def begin(self, origin: Origin) -> None:
        self._origin = origin
        self.comparison.begin(origin)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.comparison.settle()

    def loss_term(self, module: nn.Module, step: Step) -> Tensor:
        """The divergence of this step, shape (); 0 while nothing below the heads trains."""
        found = self.comparison.answers(step)
        if found is None:
            return step.logits.new_zeros(())
        reverse = self.direction == "reverse"
        terms = [divergence(*((now, was) if reverse else (was, now))) for now, was in found.by_head()]
        return self.strength * sum(terms[1:], terms[0])

    def state_dict(self) -> dict[str, Any]:
        return {"origin": self._origin.digest}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._origin.check(state_dict["origin"])
