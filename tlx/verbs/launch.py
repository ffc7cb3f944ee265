"""Where a run trains: in this process, or in several that torch's launcher starts."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tlx import errors
from tlx.errors import ConfigError, DistributedError, TlxError
from tlx.outcome import explained
from tlx.process.children import die_with_parent
from tlx.process.signals import (
    INTERRUPTED,
    TERMINATED,
    Terminated,
    left_at_once,
    only_interrupts,
    show_notice,
    stop,
)
from tlx.run.directory import read_json, shown, write_text
from tlx.run.lock import lock_to_inherit
from tlx.run.record import record_interruption
from tlx.verbs.dead_ranks import dead_ranks, told_since
from tlx.withheld import without_withheld

__all__ = ["as_error", "note_failure", "note_stop", "prepared", "rank_failures", "train"]

GRACE = 25
"""Seconds that ranks get to save and end by themselves once they were asked to, or one has died."""

PATIENCE = GRACE + 10.0
"""Seconds that their launcher gets."""


def train(run: Path, config: Mapping[str, Any], trust: Sequence[str] = ()) -> Mapping[str, Any]:
    """Train a run from wherever its directory stands, to its end.

    Args:
        run: Its directory; config.yaml is there.
        config: What that file holds.
        trust: Packages that the person trusts.

    Returns:
        The summary.
    """
    return prepared(config, trust)(run)


def prepared(config: Mapping[str, Any], trust: Sequence[str] = ()) -> Callable[[Path], Mapping[str, Any]]:
    """What trains a run once its directory is there.

    All is built here, so that a config which cannot be is refused before there is a directory; of
    several devices, each process builds its own again.

    Args:
        config: As in config.yaml.
        trust: Packages that the person trusts.

    Raises:
        TlxError: A value cannot be used, or several machines are asked for and this process is
            not one of those that torch's launcher started there.
    """
    devices, nodes = config["trainer"].get("devices", 1), config["trainer"].get("num_nodes", 1)
    if isinstance(nodes, int) and nodes > 1:
        raise ConfigError(
            f"trainer.num_nodes={nodes} trains on {nodes} machines, and each has to start its own share",
            fix=f"on each of them torchrun --nnodes={nodes} --nproc-per-node={devices} --rdzv-backend=c10d "
            "--rdzv-endpoint=FIRST_MACHINE:29400 --rdzv-id=NAME -m tlx.cli and these words from fit on, "
            "with run_dir=FOLDER_THAT_ALL_SEE",
        )
    from tlx.composition.job import make_job

    job = make_job(config, trust)
    if isinstance(devices, int) and devices > 1:

        def launch(run: Path) -> Mapping[str, Any]:
            _launch(run, devices, trust)
            return read_json(run / "summary.json")

        return launch
    from tlx.training import fit

    def train_here(run: Path) -> Mapping[str, Any]:
        with left_at_once(lambda: record_interruption(run)):
            return fit(job, run)

    return train_here


def rank_failures(run: Path) -> list[dict[str, Any]]:
    """What ranks wrote down before they ended, the first one first; the notes are taken away."""
    notes = []
    for path in run.glob("rank-*.json"):
        with contextlib.suppress(TlxError):
            notes.append(read_json(path))
        path.unlink(missing_ok=True)
    return sorted(notes, key=lambda note: float(note.get("time", 0.0)))


def _launch(run: Path, devices: int, trust: Sequence[str]) -> None:
    """Start the ranks and wait for them.

    Raises:
        TlxError: That of the rank which failed first, or DistributedError where none said why.
    """
    rank_failures(run)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={devices}"]
    command += [f"--shutdown-timeout={GRACE}", "--signals-to-handle=SIGTERM"]
    command += ["-m", "tlx.worker", str(run), *trust]
    environment = os.environ | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    log = run / "ranks.log"
    with log.open("ab") as errors_of_ranks, _ended_with(run) as started:
        begun = errors_of_ranks.tell()
        with lock_to_inherit(run) as lock:
            launcher = subprocess.Popen(
                command,
                stderr=errors_of_ranks,
                stdin=subprocess.DEVNULL,
                env=environment,
                preexec_fn=_tied,
                pass_fds=lock,
            )
            started.append(launcher)
        code = launcher.wait()
    _judge(run, devices, code, rank_failures(run), told_since(log, begun))


def _judge(run: Path, devices: int, code: int, notes: Sequence[Mapping[str, Any]], told: str = "") -> None:
    """Raise what ended the ranks, unless they did their work.

    A rank that a signal ended counts only where all were: it may have come from the launcher,
    which ends the others once one has failed.
    """
    stops = [note for note in notes if note.get("code") in (INTERRUPTED, TERMINATED)]
    if len(stops) == devices:
        raise Terminated(*(str(note["what"]) for note in stops[:1] if note["what"]))
    if code == 0:
        return
    failures = [note for note in notes if note not in stops]
    known = [note for note in failures if note.get("known")]
    if known:
        raise as_error(known[0])
    what = str(failures[0].get("what", "")) if failures else "none of them said why"
    dead = dead_ranks(devices, notes, told)
    if any(words in what.lower() for words in ("timed out", "timeout")):  # gloo and NCCL say either
        what = f"trainer.rank_timeout is over: {what}"
    elif dead:
        raise DistributedError(
            f"{dead}, and the others of {devices} processes ended with it",
            where=f"see {shown(run / 'ranks.log')}",
            fix=f"tlx resume {shown(run)}",
        )
    raise DistributedError(
        f"one of {devices} processes died, hung or lost the others ({what[:160]})",
        where=f"see {shown(run / 'ranks.log')}",
        fix=f"tlx resume {shown(run)}",
    )


def _tied() -> None:
    """What a terminal sends to all is the first process's to answer; the launcher hears it from there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    die_with_parent(signal.SIGTERM)


@contextlib.contextmanager
def _ended_with(run: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """End the launcher, and by it the ranks, when this process is asked to end."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        yield started
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and started:
            show_notice(error)
        for process in started:
            _end(process)
        became = [str(note["what"]) for note in rank_failures(run) if note.get("code") == TERMINATED]
        if isinstance(error, KeyboardInterrupt) and became:
            number = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
            raise stop(number, became[0]) from None
        raise


def _end(launcher: subprocess.Popen[bytes]) -> None:
    launcher.terminate()
    try:
        with only_interrupts():
            launcher.wait(PATIENCE)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        launcher.kill()  # the ranks die with it
        launcher.wait()


def as_error(note: Mapping[str, Any]) -> TlxError:
    """The error that a rank noted."""
    known = {
        getattr(errors, name).exit_code: getattr(errors, name) for name in errors.__all__ if name[0].isupper()
    }
    kind = known.get(note.get("code"), DistributedError)
    kind = DistributedError if kind is TlxError else kind
    error: TlxError = kind(str(note.get("what", "")), str(note.get("where", "")), str(note.get("fix", "")))
    return error


def note_failure(run: Path, rank: int, error: Exception, seconds: float) -> None:
    """Write down why a rank ends, for the process that started it."""
    known = explained(error)
    note: dict[str, Any] = {"time": seconds, "rank": rank, "known": known is not None}
    if known is None:
        note |= {"code": DistributedError.exit_code, "what": f"rank {rank}: {type(error).__name__}: {error}"}
    else:
        note |= {"code": known.exit_code, "what": known.what, "where": known.where, "fix": known.fix}
    write_text(run / f"rank-{rank}.json", json.dumps(without_withheld(note)))


def note_stop(run: Path, rank: int, became: str = "") -> None:
    """Write down that a rank ends because it was asked to, and what became of the run."""
    note = {"rank": rank, "code": TERMINATED, "what": became}
    write_text(run / f"rank-{rank}.json", json.dumps(note))
