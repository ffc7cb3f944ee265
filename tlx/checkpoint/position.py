"""The one counter that is the truth of where a run stands."""

from dataclasses import asdict, dataclass
from typing import Any

from lightning.pytorch import Trainer

__all__ = ["Anchor", "batches_processed", "position_in_order", "repaced"]


@dataclass(frozen=True)
class Anchor:
    """Where a run stood when its epochs got another length.

    Args:
        epoch: Whole epochs trained by then.
        batches: Batches trained on by then.
        step: Optimizer steps taken by then.
    """

    epoch: int = 0
    batches: int = 0
    step: int = 0

    def steps_between(self, epoch: int, step: int, now: int, per_epoch: int) -> int:
        """Steps since a phase began, as if all of its epochs had had the present length.

        Args:
            epoch: Whole epochs trained when the phase began.
            step: Optimizer steps taken when the phase began.
            now: Optimizer steps taken so far.
            per_epoch: Optimizer steps in an epoch of the present length.
        """
        if step >= self.step:
            return now - step
        return (self.epoch - epoch) * per_epoch + now - self.step


def batches_processed(trainer: Trainer) -> int:
    """Global batches trained on so far, over the whole run and all its phases.

    Lightning saves and restores this counter; data order, step randomness and the names of
    checkpoints are functions of it.
    """
    total = trainer.fit_loop.epoch_loop.batch_progress.total
    return int(total.processed)  # type: ignore[attr-defined]  # declared on the subclass in use


def position_in_order(
    processed: int, per_epoch: int, limit: int | None = None, anchor: Anchor | None = None
) -> int:
    """Where the next batch stands in the order of whole epochs, of which each may be cut short.

    Args:
        processed: Batches trained on so far, >= 0.
        per_epoch: Batches in a whole epoch, >= 1.
        limit: Batches of each epoch that are trained on, >= 1; None: all.
        anchor: Where epochs got this length; None: they had it from the beginning.

    >>> [position_in_order(batch, per_epoch=3, limit=2) for batch in range(5)]
    [0, 1, 3, 4, 6]
    >>> [position_in_order(batch, per_epoch=3, anchor=Anchor(epoch=2, batches=9)) for batch in (9, 10, 12)]
    [6, 7, 9]
    """
    start = anchor or Anchor()
    epoch, offset = divmod(processed - start.batches, min(limit or per_epoch, per_epoch))
    return (start.epoch + epoch) * per_epoch + offset


def repaced(checkpoint: dict[str, Any], pace: list[int]) -> None:
    """Have a checkpoint go on with epochs of another length; an open epoch begins anew.

    What is already of this pace stays as it is.

    Args:
        checkpoint: As Lightning writes it; changed in place.
        pace: Batches in an epoch, and batches in an optimizer step.
    """
    ledger = checkpoint["callbacks"]["Finetuning"]
    if ledger.get("pace", pace) == pace:
        return
    loops = checkpoint["loops"]["fit_loop"]
    batches = loops["epoch_loop.batch_progress"]
    epoch = int(loops["epoch_progress"]["current"]["processed"])
    anchor = Anchor(epoch, int(batches["total"]["processed"]), int(checkpoint["global_step"]))
    ledger |= {"pace": pace, "anchor": asdict(anchor)}
    if epoch < int(loops["epoch_progress"]["current"]["started"]):
        # completed is counted up once more when Lightning goes on from the end of a batch
        batches["current"] = {"ready": 0, "started": 0, "processed": 0, "completed": -1}
        checkpoint["callbacks"]["Recorder"]["sums"] = None
