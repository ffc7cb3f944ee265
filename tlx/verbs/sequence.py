"""What a sequence of tasks is made of, and what becomes of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tlx.composition.compose import Composed
from tlx.errors import ConfigError, unknown_name
from tlx.verbs.makers import makers
from tlx.verbs.nodes import launched
from tlx.verbs.protocol import Found, Work

__all__ = ["prepared"]


def prepared(folder: Path, verb: str, composed: Composed) -> Work:
    """Build the tasks and refuse what is no sequence, before there is a folder.

    Args:
        folder: Of the sequence.
        verb: `sequence`.
        composed: Its config.

    Raises:
        ConfigError: What was composed is no sequence, or a value is one that the run of a task cannot use.
    """
    config = composed.config
    _check(config)
    built = makers(composed.trust, quiet=False)
    tasks = _tasks(config, built)
    _check_runs(config, tasks, folder, built)
    return lambda: _learnt(folder, config, tasks, built)


def _learnt(folder: Path, config: Mapping[str, Any], tasks: Any, built: Any) -> Found:
    from tlx.conclusion import versions
    from tlx.protocols.holding import holding
    from tlx.protocols.sequence import learn, results, task_folder

    rows = learn(config, tasks, folder, built, lambda line: print(line, flush=True))  # noqa: T201
    held = holding(config, [task_folder(folder, number) for number in range(len(tasks))])
    found = results(config, tasks, rows, held) | {"versions": versions()}
    return Found(found, found, found)


def _tasks(config: Mapping[str, Any], built: Any) -> Any:
    from tlx.composition.arguments import check_values
    from tlx.composition.resolve import resolved
    from tlx.recipe import build
    from tlx.sequences.task import SCENARIOS, Given

    if config["scenario"] not in SCENARIOS:
        raise unknown_name("scenario", str(config["scenario"]), SCENARIOS)
    check_values(config["sequence"], "sequence", built.trust)
    given = Given(
        config["data"],
        config["scenario"],
        lambda node: built.data(node).classes,
        lambda words: built.composed(words)["data"],
    )
    return build(resolved({"sequence": config["sequence"]})["sequence"], built.trust).tasks(given)


def _check_runs(config: Mapping[str, Any], tasks: Any, folder: Path, built: Any) -> None:
    """Refuse what the run of any task would, also what only later ones read: regularizers, memories."""
    from tlx.assembly import plan_of
    from tlx.composition.cache import check_cache
    from tlx.composition.init_optimizer import check_wish
    from tlx.protocols.beforehand import check_one_machine
    from tlx.protocols.sequence import task_config, task_folder

    wish = check_wish(config)
    job = built.job(task_config(config, tasks, 0, folder) | {"regularizer": config.get("regularizer")})
    check_one_machine(job.trainer, "learns a sequence")
    # the first task's job, as those after it are, which cannot be built before it has a run
    job.continues = config["scenario"] == "domain"
    job.remembers = task_folder(folder, 0) if wish == "kept" else None
    plan_of(job)
    check_cache(config, built.trust)


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
