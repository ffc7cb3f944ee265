"""What holds on to old knowledge, as the rest of tlx sees it."""

from typing import Protocol, runtime_checkable

from tlx.origin.origin import Origin
from tlx.types import LossTerm

__all__ = ["Regularizer"]


@runtime_checkable
class Regularizer(LossTerm, Protocol):
    """A loss term that holds on to what was known before a run.

    With a method `said(origin)`, its lines are shown with the plan; with a method `detail(origin)`, what it
    gives in a few words stands beside its name on the page.

    Attributes:
        name: Of its choice in `conf/regularizer`; `train/NAME` in metrics.csv is what it added.
        strength: Of the term.
        replaces_weight_decay: Whether weight decay is off beside it.
    """

    name: str
    strength: float
    replaces_weight_decay: bool

    def check(self, origin: Origin) -> None:
        """Refuse a run that does not start from what is needed.

        Raises:
            ConfigError: It lacks an original head, a source or weights that know anything.
        """
        ...

    def bytes_kept(self, origin: Origin) -> int:
        """Bytes that it will leave in the run's folder, at most; asked before `begin`."""
        ...

    def begin(self, origin: Origin) -> None:
        """Take what is needed of the network before it trains; `check` was called."""
        ...
