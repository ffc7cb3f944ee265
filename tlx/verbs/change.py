"""A run that goes on with other settings: what is refused, and how the change is written down."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlx.composition.changes import Changes, changes_between
from tlx.composition.resolve import to_yaml
from tlx.errors import CheckpointError, ConfigError
from tlx.run.directory import claimed, read_json, read_state, sequence_of, shown, write_text
from tlx.run.record import record_change
from tlx.verbs.run_config import write_config

if TYPE_CHECKING:
    from tlx.extension import Extension
    from tlx.job import Job

__all__ = ["change", "settle_change"]

COMPARED = tuple(f"{node}.{key}" for node in ("data", "source") for key in ("root", "check", "duplicates"))
"""Keys that are free to change as long as the data turns out the same."""

JOURNAL = ".change.json"
"""All that a change writes, in one file that is there or not: a kill in the midst leaves no half of it."""


def change(
    run: Path,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    trust: Sequence[str] = (),
    allow_change: bool = False,
    job: "Job | None" = None,
) -> bool:
    """Have a run go on with another config, or on other data, from now on.

    Args:
        run: Its directory, which this process has to itself.
        before: The config it was begun with, or last changed to.
        after: The config it shall go on with.
        trust: Packages that the person trusts.
        allow_change: Whether the result may be another than was begun.
        job: What `after` is built to, where it holds objects.

    Returns:
        Whether there is anything to train; where a run is finished and stays so, nothing is written.

    Raises:
        ConfigError: The change is of a kind that was not allowed, or that no run can take, or the run is a
            task of a sequence, whose matrix and later tasks rest on it.
        DataError: The data has other classes.
    """
    changes = changes_between(before, after)
    _refuse_of_a_sequence(run, changes)
    finished = read_state(run)["status"] == "finished"
    if finished and changes.other and not changes.planned:
        raise _nothing_of(run, changes, after)
    if not allow_change:
        changes.refuse_other()
    loads_elsewhere = any(key in COMPARED for key, _, _ in changes.free)
    planned = bool(changes.planned) or (job is not None and "object" in after["strategy"])
    if planned or allow_change or loads_elsewhere:
        job = job or _job(after, trust)
    extended = _extension(run, job, before, trust) if planned and job is not None else None
    if extended is not None and not extended.longer and not allow_change:
        changes.refuse_planned()
    if extended is None and finished:
        if changes.of_the_result:
            raise _nothing_of(run, changes, after)
        return False
    told = _held(run, job, allow_change) if job is not None and (allow_change or loads_elsewhere) else ""
    lines = [*_lines(changes, extended, after), *([f"changed: {told}"] if told else [])]
    if lines:
        _write(run, {"config": to_yaml(after), "lines": lines, "plan": _plain(extended, job)})
    if told and job is not None:
        from tlx.data_record import accept_data

        for data in filter(None, (job.data, job.source)):
            accept_data(run, data)
    return True


def _refuse_of_a_sequence(run: Path, changes: Changes) -> None:
    sequence = sequence_of(run)
    if sequence is not None and changes.of_the_result:
        told = ", ".join(f"{key}={new!r} instead of {old!r}" for key, old, new in changes.of_the_result[:3])
        raise ConfigError(
            f"{shown(run)} is a task of the sequence {shown(sequence)}, whose matrix and later tasks rest on "
            f"it as it is, and {told} would change it",
            fix=f"a new sequence with these words, or a run of its own with init_from={shown(run)}",
        )


def settle_change(run: Path) -> None:
    """Write the rest of a change that was cut off in the midst, where there is one.

    Raises:
        CheckpointError: Another process trains the run, or the journal is not one that tlx wrote.
    """
    if (run / JOURNAL).is_file():
        with claimed(run):
            _complete(run)


def _complete(run: Path) -> None:
    journal = _journal(run / JOURNAL)
    write_config(run, journal["config"])
    if journal["plan"] is not None:
        write_text(run / "plan.json", json.dumps(journal["plan"], indent=1))
    record_change(run, journal["lines"])
    (run / JOURNAL).unlink()


def _journal(path: Path) -> dict[str, Any]:
    way_out = "delete it, and ask for the change again"
    try:
        journal = read_json(path)
    except CheckpointError as error:
        raise CheckpointError(error.what, fix=way_out) from error
    kinds: dict[str, Any] = {"config": str, "lines": list, "plan": dict | None}
    if not all(key in journal and isinstance(journal[key], kind) for key, kind in kinds.items()):
        raise CheckpointError(f"{shown(path)} is no change that tlx wrote down", fix=way_out)
    return journal


def _write(run: Path, journal: Mapping[str, Any]) -> None:
    for line in journal["lines"]:
        print(line, flush=True)  # noqa: T201
    write_text(run / JOURNAL, json.dumps(journal))
    _complete(run)


def _lines(changes: Changes, extended: "Extension | None", after: Mapping[str, Any]) -> list[str]:
    lines = [f"changed: {key} {json.dumps(old)} -> {json.dumps(new)}" for key, old, new in changes.all]
    lines += [f"changed: {line}" for line in (extended.lines if extended else ())]
    limit = _limit(changes, after) if extended is None else ""
    if limit:
        lines.append(f"its phases stay as they were: {limit} ends them before")
    if changes.moved:
        lines.append("the order of the samples stays; sums may be rounded in another order from here on")
    return lines


def _job(config: Mapping[str, Any], trust: Sequence[str]) -> "Job":
    from tlx.composition.job import make_job

    return make_job(config, trust)


def _held(run: Path, job: "Job", allow_change: bool) -> str:
    """How the data, and the source, differ from what the run was begun on, where that is allowed."""
    from tlx.data_record import changed_data, hold_data

    told = []
    for data in filter(None, (job.data, job.source)):
        if allow_change:
            changed = changed_data(run, data)
            told += [f"the {data.node}; {changed}"] if changed else []
        else:
            hold_data(run, data)
    return "; ".join(told)


def _extension(run: Path, job: "Job", before: Mapping[str, Any], trust: Sequence[str]) -> "Extension | None":
    """How the run's plan changes; None where it does not, or an object has not made it yet."""
    from tlx.assembly import plan_of
    from tlx.extension import extension
    from tlx.plan_table import compiled_plan, saved_plan
    from tlx.training import ledger_of

    saved, known = saved_plan(run), compiled_plan(run)
    if saved is None or known is None:
        if any(isinstance(node, Mapping) and "object" in node for node in before.values()):
            return None
        saved = known = plan_of(_job(before, trust))
    return extension(saved, known, plan_of(job), *ledger_of(run))


def _plain(extended: "Extension | None", job: "Job | None") -> dict[str, Any] | None:
    if extended is None or job is None:
        return None
    from tlx.assembly import plan_of
    from tlx.plan_table import with_compiled

    return with_compiled(extended.plan, plan_of(job))


def _nothing_of(run: Path, changes: Changes, after: Mapping[str, Any]) -> ConfigError:
    told = ", ".join(f"{key}={new!r} instead of {old!r}" for key, old, new in changes.of_the_result[:3])
    limit = _limit(changes, after)
    why = f", for {limit} ends every phase before" if limit else ""
    way = "trainer.limit_epochs=null beside it" if limit else "more epochs in its strategy"
    return ConfigError(
        f"{shown(run)} is finished, and {told} would change nothing of it{why}",
        fix=f"{way}, or a new run with init_from=THIS_RUN",
    )


def _limit(changes: Changes, after: Mapping[str, Any]) -> str:
    """What keeps other epochs of the strategy from counting; empty where nothing does."""
    limit = after["trainer"].get("limit_epochs")
    numbers = [
        values
        for key, *values in changes.planned
        if key.startswith("strategy.") and all(isinstance(value, int) for value in values)
    ]
    beyond = limit is not None and any(min(values) >= limit for values in numbers)
    return f"trainer.limit_epochs={limit}" if beyond else ""
