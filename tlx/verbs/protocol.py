"""Verbs whose result is a folder of several runs, or of none: questions, and sequences of tasks.

`tlx gain` and the like, begun once, gone on with, or swept.
"""

import importlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tlx.composition import app
from tlx.composition.changes import differing
from tlx.composition.command import asked_by
from tlx.composition.compose import Composed
from tlx.composition.resolve import from_yaml, to_yaml
from tlx.data.warned import warned_once
from tlx.errors import CheckpointError, ConfigError
from tlx.run.directory import (
    ASKED,
    begin,
    check_not_running,
    claimed,
    how_left,
    place,
    read_json,
    read_state,
    shown,
)
from tlx.run.directory import write_text as write
from tlx.run.entries import refuse_links
from tlx.run.record import recorded

__all__ = [
    "PROTOCOLS",
    "QUESTIONS",
    "RESULT",
    "Found",
    "Work",
    "answer",
    "ask",
    "check_same",
    "folder_of",
    "is_complete",
    "protocol_of",
    "resume_answer",
    "write_page",
]

QUESTIONS = {verb: verb.capitalize() for verb in ASKED}
"""Verb to the class in the module of the same name in `tlx.protocols`."""

RESULT = "result.json"


class Found(NamedTuple):
    """What a protocol found.

    Args:
        answer: Typed, for Python.
        result: Plain values: result.json, where the command that asks it again comes beside them.
        summary: The same: summary.json, which sweeps compare.
    """

    answer: Any
    result: dict[str, Any]
    summary: dict[str, Any]


Work = Callable[[], Found]
"""Finds what is missing, once all that can be refused has been."""


class Words(NamedTuple):
    """How people are told of a kind of protocol.

    Args:
        what: It leaves.
        home: The folder where such folders lie.
        again: What is done to have another one.
        kept: What it goes on with, after "is ...".
        another: The way to have it otherwise; `{}` is the verb.
        prepared: Where its work is prepared: a module with `prepared(folder, verb, composed)`.
    """

    what: str
    home: str
    again: str
    kept: str
    another: str
    prepared: str


ANSWER = Words(
    "answer",
    "answers",
    "ask",
    "an answer, and goes on with what it was asked with",
    "tlx {} anew",
    "tlx.verbs.question",
)
SEQUENCE = Words(
    "sequence",
    "sequences",
    "learn",
    "a sequence, and its tasks go on with what they were begun with",
    "a new sequence",
    "tlx.verbs.sequence",
)
PROTOCOLS = {**dict.fromkeys(QUESTIONS, ANSWER), "sequence": SEQUENCE}
"""Verb to what is said of it. The config of VERB is VERB.yaml in its folder, its page `tlx.report.VERB`."""


def ask(verb: str, argv: Sequence[str]) -> None:
    """Begin one protocol, or with -m several."""
    if app.parse(argv).multirun:
        from tlx.verbs.sweep import sweep

        sweep(argv, verb=verb)
        return
    composed = app.run(verb, argv)
    if composed is None:
        return
    if composed.sweep_dir is not None:
        raise ConfigError("sweep_dir is where the jobs of -m live", fix="run_dir=PATH, or add -m")
    folder = folder_of(verb, composed)
    check_free(folder)
    answer(folder, verb, composed)
    announce(folder, verb)


advise, distance, fewshot, gain, lr, probe, rank = (partial(ask, verb) for verb in QUESTIONS)
sequence = partial(ask, "sequence")


def folder_of(verb: str, composed: Composed) -> Path:
    """Where an answer or a sequence lives: where it is wished, or in a place named after its config."""
    name = f"{verb}-{composed.name}" if verb in QUESTIONS else composed.name
    return place(composed.run_dir, PROTOCOLS[verb].home, name)


def protocol_of(folder: Path) -> str | None:
    """The verb that a folder is of, finished or not; None where it is of none."""
    return next((verb for verb in PROTOCOLS if (folder / f"{verb}.yaml").is_file()), None)


def resume_answer(folder: Path, verb: str, trust: Sequence[str] = ()) -> None:
    """Go on from where the files of a folder say it stands; a finished one is only announced."""
    folder = folder.resolve()
    if is_complete(folder):
        print(f"{verb} {shown(folder)} is already complete", flush=True)  # noqa: T201
    else:
        answer(folder, verb, Composed(from_yaml(folder / f"{verb}.yaml"), tuple(trust)))
    announce(folder, verb)


def is_complete(folder: Path) -> bool:
    """Whether a folder holds a whole answer, or a whole sequence."""
    return (folder / RESULT).is_file() and read_state(folder)["status"] == "finished"


def answer(folder: Path, verb: str, composed: Composed) -> Any:
    """Find what is missing of an answer, or learn what is missing of a sequence.

    Args:
        folder: Where it lies.
        verb: Which protocol.
        composed: Its config.

    Returns:
        The answer, typed; of a sequence its plain values.

    Raises:
        ConfigError: It cannot be asked so, or the folder holds another one.
        CheckpointError: Another process finds it.
    """
    refuse_links(folder, depth=3)
    check_same(folder, verb, composed)
    check_not_running(folder)
    with warned_once():  # the runs of one question read the same data
        prepared = importlib.import_module(PROTOCOLS[verb].prepared).prepared
        work: Work = prepared(folder, verb, composed)
        return _answered(folder, verb, composed, work)


def check_same(folder: Path, verb: str, composed: Composed) -> None:
    """Refuse a folder that holds what was asked by another verb, or with other words.

    Raises:
        ConfigError: It does.
    """
    what, begun = PROTOCOLS[verb].what, protocol_of(folder)
    if begun not in (None, verb):
        raise ConfigError(f"{shown(folder)} is of tlx {begun}, not of {verb}", fix="run_dir=ANOTHER_FOLDER")
    if begun is None:
        return
    if found := differing(from_yaml(folder / f"{verb}.yaml"), composed.config):
        raise ConfigError(
            f"{shown(folder)} holds another {what}: {found}", fix="run_dir=ANOTHER_FOLDER, or delete it"
        )


def _answered(folder: Path, verb: str, composed: Composed, work: Work) -> Any:
    path = folder / f"{verb}.yaml"
    with claimed(folder):
        resumed = path.is_file()
        write(path, to_yaml(composed.config))
        print(f"{verb} {shown(folder)}", flush=True)  # noqa: T201
        begin(folder, resumed)
        with recorded(folder):
            found = _found(folder, work)
            write(folder / "summary.json", json.dumps(found.summary, indent=1) + "\n")
            result = found.result | {"command": asked_by(verb, composed.config, composed.trust)}
            write(folder / RESULT, json.dumps(result, indent=1) + "\n")
            if composed.config.get("page", True):
                write_page(folder, verb)
            return found.answer


def write_page(folder: Path, verb: str) -> Path:
    """Write report.html of a finished protocol from its result.json."""
    page: Path = importlib.import_module(f"tlx.report.{verb}").write_page(folder)
    return page


def check_free(folder: Path) -> None:
    """Refuse to begin where something is that would be lost.

    Raises:
        ConfigError: An answer or a sequence is there, finished or not, or other files are.
    """
    here, verb = shown(folder), protocol_of(folder)
    if verb is not None:
        if read_state(folder)["status"] == "finished":
            again = f"to {PROTOCOLS[verb].again} anew, another seed, run_dir=ANOTHER_FOLDER, or delete it"
            raise ConfigError(f"{here} is finished and is not overwritten", fix=f"tlx report {here}; {again}")
        raise ConfigError(f"{here} is unfinished ({how_left(folder)})", fix=f"tlx resume {here}")
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise ConfigError(f"{here} holds other files", fix="run_dir=ANOTHER_FOLDER")


def announce(folder: Path, verb: str) -> None:
    """Print what was found, and where its page lies."""
    try:
        found = read_json(folder / RESULT)
    except CheckpointError as error:
        raise CheckpointError(error.what, fix=f"tlx resume {shown(folder)}") from error
    lines: list[str] = importlib.import_module(f"tlx.report.{verb}").result_lines(found)
    page = folder / "report.html"
    print("\n".join([*lines, *([f"page     {shown(page)}"] if page.is_file() else [])]), flush=True)  # noqa: T201


def _found(folder: Path, work: Work) -> Found:
    """What the work finds; one who interrupts it is told how to go on with all of it, not with a run."""
    try:
        return work()
    except KeyboardInterrupt as asks:
        where = str(asks).partition(". Try:")[0]
        said = f"{where}. Try: tlx resume {shown(folder)}" if where else ""
        raise type(asks)(*([said] if said else [])) from asks
