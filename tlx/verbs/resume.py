"""`tlx resume`: go on with a run or a sweep from where its files say it stands."""

import contextlib
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tlx.composition.amend import changed
from tlx.composition.changes import FREE, MOVED, changes_between
from tlx.composition.resolve import saved_run
from tlx.errors import ConfigError, bad_value
from tlx.process.signals import left_at_once
from tlx.run.directory import begin, check_run, claimed, read_json, read_state, shown
from tlx.run.record import recorded
from tlx.verbs.announce import announce
from tlx.verbs.change import change, settle_change
from tlx.verbs.completeness import check_concludable, lacking
from tlx.verbs.launch import prepared
from tlx.verbs.nodes import launched, together
from tlx.verbs.run_config import begun_config, settle_config, told_of_an_edit
from tlx.verbs.words import read_words, trusted

__all__ = ["USAGE", "resume", "resume_run"]

USAGE = """\
tlx resume RUN|SEQUENCE|ANSWER|SWEEP [KEY=VALUE ...] [trust=[PACKAGE]]: go on with what was cut off.
The result has the bits of a run that was never cut off.

  tlx resume RUN strategy.epochs=20    a longer run; what is over stays as it was, also of a finished run
  tlx resume RUN data.num_workers=4    what changes no bit of the result may change
  tlx resume RUN data.batch_size=16 allow_change=true    anything else, written down in the run

What is edited in RUN/config.yaml counts as asked for here. Free to change, besides more epochs:

"""
USAGE += "".join(f"  {key:26} {why}\n" for key, why in {**FREE, **MOVED}.items())


def resume(argv: Sequence[str]) -> None:
    """Go on with a run, or run what is missing of a sweep."""
    from tlx.verbs.protocol import PROTOCOLS, protocol_of, resume_answer

    (folder,), words = read_words(argv, "resume", least=1, most=1)
    options = {key: value for key, value in words.items() if key not in ("trust", "allow_change")}
    allow_change = _truth("allow_change", words.get("allow_change", "false"))
    if (Path(folder) / "sweep.json").is_file():
        if options or allow_change:
            raise ConfigError(
                f"{folder} is a sweep, and its jobs go on with what they were begun with",
                fix=f"tlx resume {folder}, or tlx resume of one of the runs in {folder}/jobs",
            )
        from tlx.verbs.sweep import resume_sweep

        resume_sweep(Path(folder), trusted(words))
    elif (verb := protocol_of(Path(folder))) is not None:
        if options or allow_change:
            raise ConfigError(
                f"{folder} is {PROTOCOLS[verb].kept}",
                fix=f"tlx resume {folder}, or {PROTOCOLS[verb].another.format(verb)}",
            )
        resume_answer(Path(folder), verb, trusted(words))
    else:
        resume_run(Path(folder), trusted(words), options, allow_change)


def resume_run(
    folder: Path,
    trust: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
    allow_change: bool = False,
) -> None:
    """Go on with one run; a finished one is only announced, unless it is made longer or lacks a part.

    Args:
        folder: The run directory.
        trust: Packages that the person trusts.
        options: Keys of the config, each with its new value.
        allow_change: Whether the result may be another than was begun.

    Raises:
        ConfigError: A change is not allowed, or cannot be made of this run.
        DataError: The data is not what the run was begun on.
        CheckpointError: It is no run, or lacks what cannot be made again.
    """
    check_run(folder)
    run = folder.resolve()
    if os.environ.get("RANK", "0") == "0":
        settle_change(run)
    found, before = saved_run(run / "config.yaml"), begun_config(run)
    after = changed(found, options) if options else found
    with told_of_an_edit(run):
        changes = changes_between(before, after)
    if read_state(run)["status"] == "finished" and not changes.of_the_result:
        lacks = lacking(run)
        if not lacks:
            print(f"run {shown(run)} is already complete", flush=True)  # noqa: T201
            announce(run, read_json(run / "summary.json"))
            return
        check_concludable(run, lacks)
        print(f"{lacks}; the run is concluded again", flush=True)  # noqa: T201
    if any(isinstance(node, dict) and "object" in node for node in after.values()):
        raise ConfigError(
            f"{shown(run)} was made from Python objects, which only Python can give again",
            fix="tlx.fit(..., run_dir=..., resume=True) with the same objects",
        )
    begun = functools.partial(_begun, before=before, trust=trust, allow_change=allow_change)
    if launched():
        shared = together(run, after, trust, begun)
        if shared is not None:
            announce(run, shared)
        return
    with left_at_once(lambda: None, insisted=False):  # nothing is written yet
        work = prepared(after, trust)
    with begun(run, after):
        summary = work(run)
    announce(run, summary)


def _truth(key: str, word: str) -> bool:
    if word.lower() not in ("true", "false"):
        raise bad_value(key, word, "true or false")
    return word.lower() == "true"


@contextlib.contextmanager
def _begun(
    run: Path,
    config: Mapping[str, Any],
    before: Mapping[str, Any],
    trust: Sequence[str],
    allow_change: bool,
) -> Iterator[None]:
    """Have the run to oneself, change it where that is asked for, and note how it ends."""
    with claimed(run):
        print(f"run {shown(run)}", flush=True)  # noqa: T201
        with told_of_an_edit(run):
            change(run, before, config, trust, allow_change)
        settle_config(run, config)
        begin(run, resumed=True)
        with recorded(run):
            yield
