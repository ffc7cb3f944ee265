"""What a protocol is given from above: how to build, and how to train the runs that it needs."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlx.composition.compose import Composed, compose
from tlx.run.directory import read_state
from tlx.verbs.completeness import lacking
from tlx.verbs.fit import start
from tlx.verbs.resume import resume_run

if TYPE_CHECKING:
    from tlx.protocols.given import Makers

__all__ = ["makers"]


def makers(trust: Sequence[str], quiet: bool) -> "Makers":
    """What builds and trains for a protocol.

    Args:
        trust: Packages that the person trusts.
        quiet: Whether what a run says is in its log.txt alone.
    """
    from tlx.composition.command import command_words
    from tlx.composition.job import make_data, make_job
    from tlx.composition.resolve import resolved
    from tlx.composition.trust import importable
    from tlx.protocols.given import Makers

    names = importable(trust)
    return Makers(
        lambda run, config: _train(run, config, trust, quiet),
        lambda config: make_job(config, trust),
        lambda node: make_data(resolved({"data": node})["data"], names),
        names,
        lambda words: compose("fit", words).config,
        lambda config: command_words(config, trust=trust),
    )


def _train(run: Path, config: Mapping[str, Any], trust: Sequence[str], quiet: bool) -> None:
    """Begin a run, or go on with it; one that is over stays as it is."""
    begun = (run / "config.yaml").is_file()
    if begun and read_state(run)["status"] == "finished" and not lacking(run):
        return
    with _unsaid() if quiet else contextlib.nullcontext():
        if begun and any((run / "checkpoints").glob("*")):
            resume_run(run, trust)
        else:
            start(run, Composed(dict(config), tuple(trust)))


@contextlib.contextmanager
def _unsaid() -> Iterator[None]:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
