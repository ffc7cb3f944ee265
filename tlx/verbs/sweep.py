"""`tlx fit -m`: every combination as a job of its own, and a table at the end."""

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tlx.composition import app
from tlx.composition.compose import Composed, digest, plain_stem
from tlx.composition.hydra_settings import sets_environment
from tlx.composition.trust import gives_trust
from tlx.errors import CheckpointError, ConfigError, SecurityError, SweepError
from tlx.figures import COMMAND, TEXTS, columns_of, is_of_a_run
from tlx.outcome import INTERNAL, ending
from tlx.process.children import killed_by
from tlx.process.signals import (
    INTERRUPTED,
    TERMINATED,
    Terminated,
    ends_by_the_parent,
    only_interrupts,
    show_notice,
    stop,
)
from tlx.run.directory import place, read_json, read_state, shown, write_text
from tlx.run.entries import refuse_links
from tlx.run.record import record_death, record_interruption
from tlx.verbs.completeness import lacking
from tlx.verbs.protocol import RESULT
from tlx.verbs.sweep_work import WORK, import_everything

__all__ = ["resume_sweep", "sweep"]


def sweep(argv: Sequence[str], home: Path | None = None, verb: str = "fit") -> None:
    """Run what is missing of a sweep.

    Args:
        argv: Flags and overrides, `-m` among them.
        home: The sweep's directory; None: as `sweep_dir` says, or named after the overrides.
        verb: What each job is.

    Raises:
        SweepError: A job failed; the others ran.
        SecurityError: A config would call something foreign.
    """
    arguments = app.parse(argv)
    _refuse(arguments.overrides)
    wish, asked = app.sweep_dir(arguments.overrides)
    home = home or place(wish, "sweeps", f"{plain_stem(asked)[:60].rstrip('-')}-{digest(asked)}")
    flags = ["--config-dir", os.path.abspath(arguments.config_dir)] if arguments.config_dir else []
    kept = [override for override in asked if not gives_trust(override)]  # it is given each time
    jobs = Jobs(home, asked, {"verb": verb, "overrides": [*flags, *kept], "folder": str(Path.cwd())})
    app.sweep(verb, ["-m", *flags, *asked], jobs.run)
    jobs.conclude()


def resume_sweep(home: Path, trust: Sequence[str] = ()) -> None:
    """Run what is missing of the sweep in a directory, from the folder it was started in."""
    folder, overrides, verb = _note(home / "sweep.json")
    if any(gives_trust(word) or sets_environment(word) for word in overrides):
        raise SecurityError(
            f"{shown(home / 'sweep.json')} says whom to trust, or sets variables of the environment",
            fix=f"tlx resume {shown(home)} trust=[PACKAGE]",
        )
    if not folder.is_dir():
        raise CheckpointError(f"the sweep was started in {folder}, which is gone", fix="tlx fit -m anew")
    home = home.resolve()
    os.chdir(folder)
    sweep(["-m", *overrides, *([f"trust=[{','.join(trust)}]"] if trust else [])], home, verb)


def _note(path: Path) -> tuple[Path, list[str], str]:
    """Where a sweep was started, with which words, and what its jobs are."""
    way_out = "tlx fit -m with the words it was begun with, and sweep_dir=THIS_FOLDER"
    try:
        note = read_json(path)
    except CheckpointError as error:
        raise CheckpointError(error.what, fix=way_out) from error
    folder, words, verb = note.get("folder"), note.get("overrides"), note.get("verb", "fit")
    if verb not in WORK or not (
        isinstance(folder, str) and isinstance(words, list) and all(isinstance(w, str) for w in words)
    ):
        raise CheckpointError(f"{shown(path)} is no note that tlx wrote down", fix=way_out)
    return Path(folder), words, verb


class Jobs:
    """The jobs of one sweep, in the order they ran.

    Args:
        home: The sweep's directory.
        asked: Its overrides; one that a job has literally does not vary.
        note: What sweep.json holds; it is written once Hydra has found every job composable.
    """

    def __init__(self, home: Path, asked: Sequence[str], note: dict[str, Any]) -> None:
        self.home, self.asked, self.note = home, set(asked), note
        self.verb = str(note["verb"])
        self.folders: list[Path] = []
        self.refused: list[tuple[str, str]] = []

    def run(self, composed: Composed | ConfigError, overrides: Sequence[str]) -> float | None:
        """Run a job in a process of its own unless it is finished; give its monitored value."""
        if not self.folders and not self.refused:
            self._begin()
        varied = dict(o.lstrip("+").partition("=")[::2] for o in overrides if o not in self.asked)
        said = " ".join(f"{key}={value}" for key, value in varied.items()) or " ".join(overrides)
        if isinstance(composed, ConfigError):
            print(f"job {self._number} {said}", flush=True)  # noqa: T201
            print(composed.line(), file=sys.stderr, flush=True)  # noqa: T201
            self.refused.append((said, str(composed)))
            return None
        folder = self.home / "jobs" / composed.name
        if folder in self.folders:
            return _monitored(folder, composed)
        print(f"job {self._number} {said or folder.name}", flush=True)  # noqa: T201
        refuse_links(folder)
        self.folders.append(folder)
        if read_state(folder)["status"] == "finished" and not self._lacking(folder):
            print("is finished already", flush=True)  # noqa: T201
            return _monitored(folder, composed)
        write_text(folder / "job.json", json.dumps({"overrides": varied}, indent=1) + "\n")
        code = _in_a_fork(lambda: WORK[self.verb](folder, composed), folder)
        if code in (INTERRUPTED, TERMINATED):
            raise stop(code - 128, self._way_on)
        if code < 0:
            record_death(folder, killed_by(code))
            print(f"the job was {killed_by(code)}", file=sys.stderr, flush=True)  # noqa: T201
        elif code == 0 and read_state(folder)["status"] != "finished":
            record_death(folder, "the process ended early without an error")
        return _monitored(folder, composed)

    def conclude(self) -> None:
        """Print the table of jobs and write the sweep's page.

        Raises:
            SweepError: A job failed.
        """
        from tlx.report.sweep import write_sweep

        known = [found for folder in self.folders if (found := _summary(folder))] or [{"task": self.verb}]
        columns = list(dict.fromkeys(key for each in known for key in columns_of(each, most=1)))
        columns += [key for key in TEXTS if key != COMMAND and any(key in each for each in known)]
        rows = [_row(folder, columns) for folder in self.folders]
        rows += [(said, f"refused: {why}", *("" for _ in columns)) for said, why in self.refused]
        _print_table(rows, columns)
        page, table = write_sweep(self.home)
        print(f"page    {shown(page)}\ntable   {shown(table)}", flush=True)  # noqa: T201
        failed = [row[0] for row in rows if row[1] != "finished"]
        if failed:
            raise SweepError(
                f"{len(failed)} of {len(rows)} jobs failed: {', '.join(failed[:3])}",
                fix=f"tlx resume {shown(self.home)}, which runs what is missing",
            )

    def _lacking(self, folder: Path) -> bool:
        if self.verb == "fit":
            return bool(lacking(folder, weights=False))
        return not (folder / RESULT).is_file()

    def _begin(self) -> None:
        refuse_links(self.home, depth=2)
        write_text(self.home / "sweep.json", json.dumps(self.note, indent=1) + "\n")
        print(f"sweep {shown(self.home)}", flush=True)  # noqa: T201
        import_everything()

    @property
    def _way_on(self) -> str:
        return f"Try: tlx resume {shown(self.home)}"

    @property
    def _number(self) -> int:
        return len(self.folders) + len(self.refused) + 1


def _refuse(overrides: Sequence[str]) -> None:
    for override in overrides:
        if override.lstrip("+").partition("=")[0] == "run_dir":
            raise ConfigError("run_dir names one run, and -m makes several", fix="sweep_dir=PATH")


def _in_a_fork(work: Callable[[], object], folder: Path) -> int:
    """The exit code of a job's work, done in a copy of this process; minus a signal's number.

    What a terminal sends to both is this process's to answer: it asks the copy once, and a second
    interrupt kills it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        code = INTERNAL
        try:
            ends_by_the_parent()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            if os.getppid() == parent:
                code = ending(work, folder / "crash.log")
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
    try:
        _, status = os.waitpid(child, 0)
    except KeyboardInterrupt as asks:
        show_notice(asks)
        os.kill(child, signal.SIGTERM)
        try:
            with only_interrupts():
                os.waitpid(child, 0)
        except KeyboardInterrupt:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            record_interruption(folder)
        return TERMINATED if isinstance(asks, Terminated) else INTERRUPTED
    return os.waitstatus_to_exitcode(status)


def _monitored(folder: Path, composed: Composed) -> float | None:
    """What a sweeper that searches wants to see improve."""
    found = _summary(folder)
    if not found:
        return None
    value = found.get(composed.config["monitor"] if is_of_a_run(found) else columns_of(found)[0])
    return float(value) if value is not None else None


def _summary(folder: Path) -> dict[str, Any]:
    try:
        return read_json(folder / "summary.json")
    except CheckpointError:
        return {}


def _row(folder: Path, columns: Sequence[str]) -> tuple[str, ...]:
    state, summary = read_state(folder), _summary(folder)
    given = read_json(folder / "job.json").get("overrides")
    varied = given if isinstance(given, dict) else {}
    name = " ".join(f"{key}={value}" for key, value in varied.items()) or folder.name
    status = str(state["status"])
    if status != "finished" and state.get("error"):
        status += f": {state['error']}"
    known = ("" if summary.get(key) is None else summary[key] for key in columns)
    return (name, status, *(value if isinstance(value, str) else f"{value:.4f}" for value in known))


def _print_table(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> None:
    """Print every word: folded on a terminal, one line a job where a file or pipe takes any width."""
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(Column("job", overflow="fold"), Column("status", overflow="fold"))
    for key in columns:
        table.add_column(key, no_wrap=key not in TEXTS, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console()
    if not console.is_terminal:
        anything = console.options.update(max_width=sys.maxsize)
        console.width = max(console.width, Measurement.get(console, anything, table).maximum)
    console.print(table)
