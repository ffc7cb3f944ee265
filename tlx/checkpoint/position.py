"""The one counter that is the truth of where a run stands."""

from lightning.pytorch import Trainer

__all__ = ["batches_processed"]


def batches_processed(trainer: Trainer) -> int:
    """Global batches trained on so far, over the whole run and all its phases.

    Lightning saves and restores this counter; data order, step randomness and the names of
    checkpoints are functions of it.
    """
    total = trainer.fit_loop.epoch_loop.batch_progress.total
    return int(total.processed)  # type: ignore[attr-defined]  # declared on the subclass in use
