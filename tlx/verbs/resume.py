"""`tlx resume`: go on with a run or a sweep from where its files say it stands."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tlx.composition.resolve import saved_run
from tlx.errors import ConfigError, unknown_name
from tlx.run_directory import begin, check_run, claimed, read_json, read_state, recorded, shown
from tlx.verbs.announce import announce
from tlx.verbs.launch import prepared
from tlx.verbs.nodes import launched, together
from tlx.verbs.words import read_words, trusted

__all__ = ["USAGE", "resume", "resume_run"]

USAGE = """\
tlx resume RUN|SWEEP [trust=[PACKAGE]]: go on with what was cut off, from its newest checkpoint.
The result has the bits of a run that was never cut off.
"""


def resume(argv: Sequence[str]) -> None:
    """Go on with a run, or run what is missing of a sweep."""
    (folder,), options = read_words(argv, "resume", least=1, most=1)
    unknown = [key for key in options if key != "trust"]
    if unknown:
        raise unknown_name("key of resume", unknown[0], ["trust"])
    if (Path(folder) / "sweep.json").is_file():
        from tlx.verbs.sweep import resume_sweep

        resume_sweep(Path(folder), trusted(options))
    else:
        resume_run(Path(folder), trusted(options))


def resume_run(folder: Path, trust: Sequence[str] = ()) -> None:
    """Go on with one run; a finished one is only announced."""
    check_run(folder)
    run = folder.resolve()
    if read_state(run)["status"] == "finished":
        print(f"run {shown(run)} is finished", flush=True)  # noqa: T201
        announce(run, read_json(run / "summary.json"))
        return
    config = saved_run(run / "config.yaml")
    if any(isinstance(node, dict) and "object" in node for node in config.values()):
        raise ConfigError(
            f"{shown(run)} was made from Python objects, which only Python can give again",
            fix="tlx.fit(..., run_dir=..., resume=True) with the same objects",
        )
    if launched():
        shared = together(run, config, trust, _begun)
        if shared is not None:
            announce(run, shared)
        return
    work = prepared(config, trust)
    with _begun(run, config):
        summary = work(run)
    announce(run, summary)


@contextlib.contextmanager
def _begun(run: Path, config: Mapping[str, Any]) -> Iterator[None]:
    """Have the run to oneself, and note how it ends."""
    with claimed(run):
        print(f"run {shown(run)}", flush=True)  # noqa: T201
        begin(run, resumed=True)
        with recorded(run):
            yield
