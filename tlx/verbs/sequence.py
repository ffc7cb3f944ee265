"""`tlx sequence`: tasks one after another, begun or gone on with."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tlx.composition import app
from tlx.composition.compose import Composed, compose
from tlx.composition.resolve import from_yaml, to_yaml
from tlx.errors import CheckpointError, ConfigError, unknown_name
from tlx.run_directory import begin, check_not_running, claimed, how_left, place, read_json, read_state, shown
from tlx.run_directory import write_text as write
from tlx.run_entries import refuse_links
from tlx.run_record import recorded
from tlx.verbs.completeness import lacking
from tlx.verbs.fit import start
from tlx.verbs.nodes import launched
from tlx.verbs.resume import resume_run

__all__ = ["CONFIG", "RESULT", "is_sequence", "resume_sequence", "sequence", "train"]

CONFIG = "sequence.yaml"
"""The config of a sequence, in its directory."""

RESULT = "result.json"


def sequence(argv: Sequence[str]) -> None:
    """Learn one sequence of tasks, or with -m several."""
    if app.parse(argv).multirun:
        from tlx.verbs.sweep import sweep

        sweep(argv, verb="sequence")
        return
    composed = app.run("sequence", argv)
    if composed is None:
        return
    if composed.sweep_dir is not None:
        raise ConfigError("sweep_dir is where the jobs of -m live", fix="run_dir=PATH, or add -m")
    folder = place(composed.run_dir, "sequences", composed.name)
    _check_free(folder)
    train(folder, composed)
    _announce(folder)


def is_sequence(folder: Path) -> bool:
    """Whether a folder is the directory of a sequence."""
    return (folder / CONFIG).is_file()


def resume_sequence(folder: Path, trust: Sequence[str] = ()) -> None:
    """Go on with a sequence from where its files say it stands; a finished one is only announced."""
    folder = folder.resolve()
    if not (folder / RESULT).is_file() or read_state(folder)["status"] != "finished":
        train(folder, Composed(from_yaml(folder / CONFIG), tuple(trust)))
    else:
        print(f"sequence {shown(folder)} is already complete", flush=True)  # noqa: T201
    _announce(folder)


def train(folder: Path, composed: Composed) -> None:
    """Learn what is missing of a sequence.

    Raises:
        ConfigError: What was composed is no sequence, or the directory holds another one.
        CheckpointError: Another process learns it.
    """
    refuse_links(folder, depth=3)
    config = composed.config
    _check(config)
    if is_sequence(folder) and from_yaml(folder / CONFIG) != config:
        raise ConfigError(f"{shown(folder)} holds another sequence", fix="run_dir=ANOTHER_FOLDER")
    check_not_running(folder)
    tasks, makers = _made(config, composed.trust)
    with claimed(folder):
        resumed = is_sequence(folder)
        write(folder / CONFIG, to_yaml(config))
        print(f"sequence {shown(folder)}", flush=True)  # noqa: T201
        begin(folder, resumed)
        with recorded(folder):
            _learn(folder, config, tasks, makers)


def _learn(folder: Path, config: Mapping[str, Any], tasks: Any, makers: Any) -> None:
    from tlx.conclusion import versions
    from tlx.protocols.sequence import learn, results
    from tlx.report.sequence import write_sequence

    try:
        rows = learn(config, tasks, folder, makers, lambda line: print(line, flush=True))  # noqa: T201
    except KeyboardInterrupt as asks:
        where = str(asks).partition(". Try:")[0]
        said = f"{where}. Try: tlx resume {shown(folder)}" if where else ""
        raise type(asks)(*([said] if said else [])) from asks
    found = results(config, tasks, rows) | {"versions": versions()}
    text = json.dumps(found, indent=1) + "\n"
    write(folder / "summary.json", text)
    write(folder / RESULT, text)
    if config.get("page", True):
        write_sequence(folder)


def _made(config: Mapping[str, Any], trust: Sequence[str]) -> tuple[Any, Any]:
    """The tasks, and what trains and builds for them."""
    from tlx.composition.job import check_values, make_data, make_job
    from tlx.composition.resolve import resolved
    from tlx.composition.trust import importable
    from tlx.protocols.sequence import Makers
    from tlx.recipe import build
    from tlx.sequences.task import SCENARIOS, Given

    if config["scenario"] not in SCENARIOS:
        raise unknown_name("scenario", str(config["scenario"]), SCENARIOS)
    names = importable(trust)
    check_values(config["sequence"], "sequence", names)
    given = Given(
        config["data"],
        config["scenario"],
        lambda node: make_data(resolved({"data": node})["data"], names).classes,
        lambda words: compose("fit", words).config["data"],
    )
    tasks = build(resolved({"sequence": config["sequence"]})["sequence"], names).tasks(given)
    makers = Makers(
        lambda run, of: _train_task(run, of, trust),
        lambda of: make_job(of, trust),
        lambda node: make_data(resolved({"data": node})["data"], names),
        names,
    )
    return tasks, makers


def _train_task(run: Path, config: Mapping[str, Any], trust: Sequence[str]) -> None:
    """Begin the run of a task, or go on with it; one that is over stays as it is."""
    begun = (run / "config.yaml").is_file()
    if begun and read_state(run)["status"] == "finished" and not lacking(run):
        return
    if begun and any((run / "checkpoints").glob("*")):
        resume_run(run, trust)
    else:
        start(run, Composed(dict(config), tuple(trust)))


def _check(config: Mapping[str, Any]) -> None:
    if launched():
        raise ConfigError(
            "a sequence starts a launch for each of its tasks",
            fix="tlx sequence without torchrun, trainer.devices=2",
        )
    if config.get("source") is not None:
        raise ConfigError(
            "the source of each task are the tasks before it, and data@source names another one",
            fix="tlx sequence without data@source",
        )
    if config.get("init_head", "new") != "new":
        raise ConfigError(
            f"init_head={config['init_head']}: in a sequence scenario says what becomes of heads",
            fix="scenario=task or scenario=domain",
        )
    if not str(config["task"].get("_target_", "")).endswith("Multiclass"):
        raise ConfigError("a sequence tells classes apart, one for each sample", fix="task=multiclass")


def _check_free(folder: Path) -> None:
    """Refuse to begin where something is that would be lost.

    Raises:
        ConfigError: A sequence is there, finished or not, or other files are.
    """
    here = shown(folder)
    if is_sequence(folder):
        if read_state(folder)["status"] == "finished":
            raise ConfigError(
                f"{here} is finished and is not overwritten",
                fix=f"tlx report {here}; to learn anew, another seed, run_dir=ANOTHER_FOLDER, or delete it",
            )
        raise ConfigError(f"{here} is unfinished ({how_left(folder)})", fix=f"tlx resume {here}")
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise ConfigError(f"{here} holds other files", fix="run_dir=ANOTHER_FOLDER")


def _announce(folder: Path) -> None:
    from tlx.report.sequence import result_lines

    try:
        found = read_json(folder / RESULT)
    except CheckpointError as error:
        raise CheckpointError(error.what, fix=f"tlx resume {shown(folder)}") from error
    page = folder / "report.html"
    lines = [*result_lines(found), *([f"page     {shown(page)}"] if page.is_file() else [])]
    print("\n".join(lines), flush=True)  # noqa: T201
