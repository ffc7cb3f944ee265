"""Verbs that answer a question: `tlx gain` and the like, asked once, gone on with, or swept."""

import contextlib
import importlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tlx.composition import app
from tlx.composition.compose import Composed, compose
from tlx.composition.resolve import from_yaml, to_yaml
from tlx.errors import CheckpointError, ConfigError
from tlx.run_directory import begin, check_not_running, claimed, how_left, place, read_json, read_state, shown
from tlx.run_directory import write_text as write
from tlx.run_entries import refuse_links
from tlx.run_record import recorded
from tlx.verbs.completeness import lacking
from tlx.verbs.fit import start
from tlx.verbs.nodes import launched
from tlx.verbs.resume import resume_run

__all__ = ["QUESTIONS", "RESULT", "answer", "ask", "question_of", "resume_answer", "write_page"]

QUESTIONS = {
    "advise": "Advise",
    "distance": "Distance",
    "fewshot": "Fewshot",
    "gain": "Gain",
    "lr": "Lr",
    "probe": "Probe",
    "rank": "Rank",
}
"""Verb to the class in the module of the same name in `tlx.protocols`."""

HOME = "answers"
RESULT = "result.json"


def ask(verb: str, argv: Sequence[str]) -> None:
    """Ask one question, or with -m several."""
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
    check_free(folder, verb)
    answer(folder, verb, composed)
    announce(folder, verb)


advise, distance, fewshot, gain, lr, probe, rank = (partial(ask, verb) for verb in QUESTIONS)


def folder_of(verb: str, composed: Composed) -> Path:
    """Where an answer lives: where it is wished, or in a place named after the question."""
    return place(composed.run_dir, HOME, f"{verb}-{composed.name}")


def question_of(folder: Path) -> str | None:
    """The verb whose answer a folder holds, finished or not; None where it holds none."""
    return next((verb for verb in QUESTIONS if (folder / f"{verb}.yaml").is_file()), None)


def resume_answer(folder: Path, verb: str, trust: Sequence[str] = ()) -> None:
    """Go on with an answer from where its files say it stands; a finished one is only announced."""
    folder = folder.resolve()
    if is_complete(folder):
        print(f"{verb} {shown(folder)} is already complete", flush=True)  # noqa: T201
    else:
        answer(folder, verb, Composed(from_yaml(folder / f"{verb}.yaml"), tuple(trust)))
    announce(folder, verb)


def is_complete(folder: Path) -> bool:
    """Whether a folder holds a whole answer."""
    return (folder / RESULT).is_file() and read_state(folder)["status"] == "finished"


def answer(folder: Path, verb: str, composed: Composed, objects: Mapping[str, Any] | None = None) -> Any:
    """Find what is missing of an answer.

    Args:
        folder: Where it lies.
        verb: Which question.
        composed: Its config.
        objects: Objects that stand for nodes of the config.

    Returns:
        The answer, typed.

    Raises:
        ConfigError: It cannot be asked so, or the folder holds another answer.
        CheckpointError: Another process finds it.
    """
    refuse_links(folder, depth=3)
    if launched():
        raise ConfigError(f"tlx {verb} is one process", fix=f"tlx {verb} without torchrun")
    path = folder / f"{verb}.yaml"
    if path.is_file() and from_yaml(path) != composed.config:
        raise ConfigError(f"{shown(folder)} holds another answer", fix="run_dir=ANOTHER_FOLDER")
    check_not_running(folder)
    question, given = _asked(folder, verb, composed, objects or {})
    question.check(given)
    with claimed(folder):
        resumed = path.is_file()
        write(path, to_yaml(composed.config))
        print(f"{verb} {shown(folder)}", flush=True)  # noqa: T201
        begin(folder, resumed)
        with recorded(folder):
            return _answered(question, given, verb)


def write_page(folder: Path, verb: str) -> Path:
    """Write report.html of a finished answer from its result.json."""
    page: Path = importlib.import_module(f"tlx.report.{verb}").write_page(folder)
    return page


def check_free(folder: Path, verb: str) -> None:
    """Refuse to begin where something is that would be lost.

    Raises:
        ConfigError: An answer is there, finished or not, or other files are.
    """
    here = shown(folder)
    if question_of(folder) is not None:
        if read_state(folder)["status"] == "finished":
            raise ConfigError(
                f"{here} is finished and is not overwritten",
                fix=f"tlx report {here}; to ask anew, another seed, run_dir=ANOTHER_FOLDER, or delete it",
            )
        raise ConfigError(f"{here} is unfinished ({how_left(folder)})", fix=f"tlx resume {here}")
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise ConfigError(f"{here} holds other files", fix="run_dir=ANOTHER_FOLDER")


def announce(folder: Path, verb: str) -> None:
    """Print an answer, and where its page lies."""
    try:
        found = read_json(folder / RESULT)
    except CheckpointError as error:
        raise CheckpointError(error.what, fix=f"tlx resume {shown(folder)}") from error
    lines: list[str] = importlib.import_module(f"tlx.report.{verb}").result_lines(found)
    page = folder / "report.html"
    print("\n".join([*lines, *([f"page     {shown(page)}"] if page.is_file() else [])]), flush=True)  # noqa: T201


def _asked(folder: Path, verb: str, composed: Composed, objects: Mapping[str, Any]) -> tuple[Any, Any]:
    """The question with its settings, and what it is asked about."""
    from tlx.composition.command import command_words
    from tlx.composition.job import check_arguments, make_data, make_job
    from tlx.composition.resolve import resolved
    from tlx.composition.trust import importable
    from tlx.protocols.given import Given, Makers

    names = importable(composed.trust)
    kind = getattr(importlib.import_module(f"tlx.protocols.{verb}"), QUESTIONS[verb])
    settings = dict(resolved({verb: composed.config[verb]})[verb])
    check_arguments(kind, settings, verb)
    makers = Makers(
        lambda run, of: _train(run, of, composed.trust),
        lambda of: make_job(of, composed.trust, **objects),
        lambda node: make_data(resolved({"data": node})["data"], names),
        names,
        lambda words: compose("fit", words).config,
        command_words,
    )
    whole = compose("fit").config | {key: value for key, value in composed.config.items() if key != verb}
    return kind(**settings), Given(whole, folder, makers, lambda line: print(line, flush=True))  # noqa: T201


def _answered(question: Any, given: Any, verb: str) -> Any:
    from tlx.conclusion import versions
    from tlx.protocols.given import data_named
    from tlx.protocols.plain import plain

    try:
        found = question.answer(given)
    except KeyboardInterrupt as asks:
        where = str(asks).partition(". Try:")[0]
        said = f"{where}. Try: tlx resume {shown(given.folder)}" if where else ""
        raise type(asks)(*([said] if said else [])) from asks
    config = given.config
    data = data_named(config["data"], config["names"]["data"])
    about = {"model": config["names"]["model"], "data": data, "task": verb}
    about |= {"seed": config["seed"]}
    result = about | plain(found) | {"versions": versions()}
    figures = {f"test/{name}": value for name, value in plain(found.figures()).items()}
    write(given.folder / "summary.json", json.dumps(about | figures, indent=1) + "\n")
    write(given.folder / RESULT, json.dumps(result, indent=1) + "\n")
    if config.get("page", True):
        write_page(given.folder, verb)
    return found


def _train(run: Path, config: Mapping[str, Any], trust: Sequence[str]) -> None:
    """Begin a run, or go on with it; one that is over stays as it is. What it says is in its log.txt."""
    begun = (run / "config.yaml").is_file()
    if begun and read_state(run)["status"] == "finished" and not lacking(run):
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        if begun and any((run / "checkpoints").glob("*")):
            resume_run(run, trust)
        else:
            start(run, Composed(dict(config), tuple(trust)))
