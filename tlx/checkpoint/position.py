"""The one counter that is the truth of where a run stands."""

from lightning.pytorch import Trainer

__all__ = ["batches_processed", "position_in_order"]


def batches_processed(trainer: Trainer) -> int:
    """Global batches trained on so far, over the whole run and all its phases.

    Lightning saves and restores this counter; data order, step randomness and the names of
    checkpoints are functions of it.
    """
    total = trainer.fit_loop.epoch_loop.batch_progress.total
    return int(total.processed)  # type: ignore[attr-defined]  # declared on the subclass in use


def position_in_order(processed: int, per_epoch: int, limit: int | None = None) -> int:
    """Where the next batch stands in the order of whole epochs, of which each may be cut short.

    Args:
        processed: Batches trained on so far, >= 0.
        per_epoch: Batches in a whole epoch, >= 1.
        limit: Batches of each epoch that are trained on, >= 1; None: all.

    >>> [position_in_order(batch, per_epoch=3, limit=2) for batch in range(5)]
    [0, 1, 3, 4, 6]
    """
    epoch, offset = divmod(processed, min(limit or per_epoch, per_epoch))
    return epoch * per_epoch + offset
