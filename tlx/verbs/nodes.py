"""A run on several machines: torch's launcher starts the command itself, once per device."""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlx.errors import CheckpointError, ConfigError, DistributedError, TlxError
from tlx.outcome import explained
from tlx.process.children import die_with_parent
from tlx.process.signals import INTERRUPTED, TERMINATED, Terminated, left_at_once
from tlx.run.directory import shown
from tlx.run.record import record_interruption

if TYPE_CHECKING:
    from tlx.job import Job
    from tlx.trainer import World

__all__ = ["launched", "together"]

PATIENCE = 30.0
"""Seconds after which a file that the first machine wrote must be seen on the others."""


def launched() -> bool:
    """Whether torch's launcher started this process as one of several."""
    return "TORCHELASTIC_RUN_ID" in os.environ and "RANK" in os.environ


def together(
    run: Path,
    config: Mapping[str, Any],
    trust: Sequence[str],
    begun: Callable[[Path, Mapping[str, Any]], AbstractContextManager[None]],
) -> Mapping[str, Any] | None:
    """Train this process's share of a run; the first one decides where it lives and writes it down.

    Whatever one of them cannot do, none begins.

    Args:
        run: Where the run lives; that of the first process counts.
        config: As in config.yaml; that of the first process counts.
        trust: Packages that the person trusts.
        begun: Claims the run and notes how it ends; entered by the first process alone.

    Returns:
        The summary on the first process, None on the others.

    Raises:
        TlxError: On the first process: what any of them could not do. The others leave with the
            same exit code and without a word.
    """
    die_with_parent()
    from tlx.composition.job import make_job, make_trainer
    from tlx.trainer import World

    settings, world = make_trainer(config["trainer"], trust), World.from_environment()
    if world.size != settings.processes:
        raise ConfigError(
            f"torchrun started {world.size} processes, and trainer.devices={settings.devices} times "
            f"trainer.num_nodes={settings.num_nodes} is {settings.processes}",
            fix=f"torchrun --nnodes={settings.num_nodes} --nproc-per-node={settings.devices}",
        )
    world.join(settings.backend, settings.rank_timeout)
    run, config = world.agree((run, config))
    with contextlib.ExitStack() as held:
        job = _agreed(world, lambda: make_job(config, trust))
        _agreed(world, lambda: held.enter_context(begun(run, config)) if world.is_first else None)
        _agreed(world, lambda: _wait_for(run / "config.yaml"))
        summary = _train(job, run, world)
    return summary if world.is_first else None


def _agreed(world: "World", work: Callable[[], Any]) -> Any:
    """What some work gives, once no process failed at it."""
    result, failure = None, None
    try:
        result = work()
    except Exception as error:
        failure = explained(error) or TlxError(f"{type(error).__name__}: {error}")
    failures = [error for error in world.gather(failure) if error is not None]
    if not failures:
        return result
    raise failures[0] if world.is_first else SystemExit(failures[0].exit_code)


def _train(job: "Job", run: Path, world: "World") -> dict[str, Any]:
    from tlx.training import fit

    with left_at_once(lambda: record_interruption(run) if world.is_first else None, insisted=False):
        try:
            return fit(job, run)
        except KeyboardInterrupt as stop:
            if world.is_first:
                raise
            raise SystemExit(TERMINATED if isinstance(stop, Terminated) else INTERRUPTED) from None
        except RuntimeError as error:
            if "gloo" not in str(error) and "nccl" not in str(error).lower():
                raise
            raise DistributedError(
                f"process {world.rank} on {socket.gethostname()} lost the others "
                f"({' '.join(str(error).split())[:120]})",
                fix=f"what the others say; then the same torchrun with resume {shown(run)}",
            ) from error


def _wait_for(path: Path) -> None:
    """A file system between machines may show a file later than it was written."""
    end = time.monotonic() + PATIENCE
    while not path.is_file():
        if time.monotonic() > end:
            raise CheckpointError(
                f"{socket.gethostname()} does not see {path}, which the first machine wrote",
                fix="run_dir=FOLDER on a disk that all machines share",
            )
        time.sleep(0.1)
