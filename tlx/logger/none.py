"""No further place for results."""

__all__ = ["none"]


def none() -> None:
    """What a run has always: metrics.csv and its page."""
