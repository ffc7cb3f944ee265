"""L2-SP: weights are pulled to where they started."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from tlx.functional.drift import drift
from tlx.origin.origin import Origin
from tlx.origin.ranges import check_strength
from tlx.types import Step

__all__ = ["L2SP"]


class L2SP(Callback):
    r"""Adds :math:`\frac{\alpha}{2} \|w_S - w^0_S\|^2 + \frac{\beta}{2} \|w_{\bar S}\|^2`.

    S are the weights that the run starts from, and the rest are new, such as the head (Li,
    Grandvalet and Davoine 2018, arXiv 1802.01483). It takes the place of weight decay, which would pull
    the weights to zero at the same time. Departure from the paper: like weight decay in tlx, it leaves
    alone what is a vector, norms and biases.

    Args:
        strength: alpha, >= 0.
        head_strength: beta, >= 0.

    Raises:
        ConfigError: A value is out of its range.
    """

    name = "l2sp"
    reads_original = False
    replaces_weight_decay = True

    def __init__(self, strength: float = 0.01, head_strength: float = 0.01) -> None:
        check_strength("regularizer.l2sp.strength", strength)
        check_strength("regularizer.l2sp.head_strength", head_strength)
        self.strength, self.head_strength = strength, head_strength

    def check(self, origin: Origin) -> None:
        origin.need_weights("l2sp")

    def bytes_kept(self, origin: Origin) -> int:
        return 0

    def begin(self, origin: Origin) -> None:
        self._origin = origin

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pulled = [
            (now, before) for _, now, before in self._origin.pairs if now.requires_grad and now.ndim > 1
        ]
        self._now = [now for now, _ in pulled]
        self._before = [before.to(now.device) for now, before in pulled]
        self._added = [weight for weight in self._origin.added if weight.requires_grad and weight.ndim > 1]
        self._zeros = [weight.new_zeros(()).expand_as(weight) for weight in self._added]

    def loss_term(self, module: nn.Module, step: Step) -> Tensor:
        """The pull of this step, shape ()."""
        known = 0.5 * self.strength * drift(self._now, self._before)
        added = 0.5 * self.head_strength * drift(self._added, self._zeros)
        return known.to(step.logits.device) + added.to(step.logits.device)

    def state_dict(self) -> dict[str, Any]:
        return {"origin": self._origin.digest}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._origin.check(state_dict["origin"])
