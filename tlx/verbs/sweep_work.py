"""What the own process of a sweep's job does, by the verb of the sweep."""

import gc
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tlx.composition.compose import Composed
from tlx.errors import TlxError
from tlx.process.signals import stoppable
from tlx.run.directory import begin, claimed
from tlx.run.record import record_refusal, recorded
from tlx.verbs.launch import train
from tlx.verbs.protocol import PROTOCOLS, answer, protocol_of
from tlx.verbs.run_config import write_config

__all__ = ["WORK", "import_everything"]


def _train(folder: Path, composed: Composed) -> None:
    """What the job's own process does."""
    with stoppable(), claimed(folder):
        resumed = (folder / "config.yaml").is_file() and any((folder / "checkpoints").glob("*"))
        write_config(folder, composed.config)
        begin(folder, resumed)
        with recorded(folder):
            train(folder, composed.config, composed.trust)


def _answer(verb: str, folder: Path, composed: Composed) -> None:
    with stoppable():
        try:
            answer(folder, verb, composed)
        except TlxError as error:
            if protocol_of(folder) is None:
                record_refusal(folder, error)
            raise


WORK: dict[str, Callable[[Path, Composed], None]] = {
    "fit": _train,
    **{verb: partial(_answer, verb) for verb in PROTOCOLS},
}
"""What a job's own process does, by the verb of the sweep."""


def import_everything() -> None:
    """Load what every job needs before the first fork; nothing computes, nothing touches CUDA."""
    import tlx.composition.job
    import tlx.training  # noqa: F401

    gc.collect()
    gc.freeze()  # a collection of garbage in a job would look through all of it, and copy its pages
