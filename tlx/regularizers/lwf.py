"""Learning without forgetting: the original classes are answered as the original network answers them."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from tlx.functional.distillation import distillation
from tlx.origin.comparison import RATIO, SAMPLES, Comparison
from tlx.origin.origin import Origin
from tlx.origin.ranges import check_positive, check_strength
from tlx.types import Step

__all__ = ["LwF"]


class LwF(Callback):
    r"""Adds :math:`\lambda\, T^2\, KL(\sigma(z^0 / T) \| \sigma(z / T))`, a mean over samples.

    z are the logits of the original classes, by the original head on the features of the network as it
    trains, and z0 those of the original network, which stays as it was (Li and Hoiem 2016, arXiv
    1606.09282). Departures from the paper: where there is a source, its samples are answered, and those
    of the target only where there is none; the original head keeps its weights; soft targets are scaled
    by T squared (Hinton et al. 2015, arXiv 1503.02531) unless `scaled` is false; the warm-up of the new
    head is a strategy of its own, lp_ft. Where several heads are kept, the term is a sum over them.

    Args:
        strength: lambda, >= 0.
        temperature: T, > 0.
        scaled: Whether to multiply by T squared, so that the pull does not weaken as T grows.
        inputs: What is answered: `source`, `target`, or `auto`: source where there is one.
        samples: Of the source that are kept in memory, >= 1.
        ratio: Samples of the source for each sample of a batch, > 0 and <= 100.

    Raises:
        ConfigError: A value is out of its range.
    """

    name = "lwf"
    replaces_weight_decay = False

    def __init__(
        self,
        strength: float = 1.0,
        temperature: float = 2.0,
        scaled: bool = True,
        inputs: str = "auto",
        samples: int = SAMPLES,
        ratio: float = RATIO,
    ) -> None:
        check_strength("regularizer.lwf.strength", strength)
        check_positive("regularizer.lwf.temperature", temperature)
        self.strength, self.temperature, self.scaled = strength, temperature, scaled
        self.comparison = Comparison("lwf", inputs, samples, ratio)

    @property
    def reads_original(self) -> bool:
        """Whether the original head shall be asked in the step's own pass."""
        return self.comparison.reads_original

    def check(self, origin: Origin) -> None:
        self.comparison.check(origin)

    def said(self, origin: Origin) -> list[str]:
        """Which settings are not read, in lines for people."""
        return self.comparison.said(origin)

    def detail(self, origin: Origin) -> str:
        """The temperature, and what is done about it."""
        return f"T {self.temperature:g}, {'' if self.scaled else 'not '}multiplied by T squared"

    def bytes_kept(self, origin: Origin) -> int:
        return 0

    def begin(self, origin: Origin) -> None:
        self._origin = origin
        self.comparison.begin(origin)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.comparison.settle()

    def loss_term(self, module: nn.Module, step: Step) -> Tensor:
        """The distance of this step, shape (); 0 while nothing below the heads trains."""
        found = self.comparison.answers(step)
        if found is None:
            return step.logits.new_zeros(())
        terms = [distillation(*pair, self.temperature, self.scaled) for pair in found.by_head()]
        return self.strength * sum(terms[1:], terms[0])

    def state_dict(self) -> dict[str, Any]:
        return {"origin": self._origin.digest}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._origin.check(state_dict["origin"])
