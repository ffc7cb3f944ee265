"""`tlx doctor`: is this machine fit for it, and, with a config, is the job?"""

import shutil
from collections.abc import Sequence

from tlx.composition import app
from tlx.doctor.versions import versions
from tlx.errors import ConfigError, DistributedError
from tlx.inspection.finding import Finding, shown
from tlx.run.directory import place

__all__ = ["doctor"]


def doctor(argv: Sequence[str]) -> None:
    """Print what was found, a line each.

    Raises:
        DistributedError: Nothing but a device is bad.
        ConfigError: Something is bad.
    """
    arguments = app.parse(argv)
    if arguments.multirun:
        raise ConfigError("tlx doctor looks at one job at a time", fix="tlx doctor without -m")
    composed = app.run("doctor", argv)
    if composed is None:
        return
    findings = _say("versions", versions())
    _end_if_bad(findings)  # nothing that is harmful is imported

    from tlx.doctor.devices import devices
    from tlx.doctor.machine import SHARED, kept, machine

    run = place(composed.run_dir, "runs", composed.name)
    findings += _say("machine", [*machine(run.parent), *([] if arguments.overrides else [kept()])])
    findings += _say("devices", devices())
    if not arguments.overrides:
        _end_if_bad(findings)
        return

    from tlx.composition.job import make_job
    from tlx.doctor import rehearsal
    from tlx.inspection import samples
    from tlx.inspection.input_match import input_match
    from tlx.inspection.label_shift import label_shifts
    from tlx.trainer import World

    job = make_job(composed.config, composed.trust)
    splits = job.data.splits
    findings += _say("data", samples.counts(splits, job.task.targets))
    findings += _say("labels", label_shifts(splits, job.task.targets))
    findings += _say("values", samples.normalisation(splits.train, job.backbone.preprocessing))
    settings = job.trainer
    matched = input_match(job.backbone, job.data, settings.device(World()), settings.precision_context)
    findings += _say("weights", matched) if matched else []
    made = rehearsal.rehearse(job)
    print(made.table)  # noqa: T201
    findings += _say("optimizer", rehearsal.optimizer_groups(made))
    findings += _say("modes", rehearsal.modes(made))
    trial = rehearsal.try_batch(made)
    findings += _say("first batch", rehearsal.first_batch(trial))
    there = next(folder for folder in run.parents if folder.is_dir())
    memory = shutil.disk_usage(SHARED).free if SHARED.is_dir() else None
    needs = [
        kept(job.cache),
        rehearsal.space(made, trial, shutil.disk_usage(there).free),
        rehearsal.shared(trial, job.data.num_workers * job.trainer.devices, memory),
    ]
    findings += _say("space", needs)
    _end_if_bad(findings)


def _say(title: str, findings: list[Finding]) -> list[Finding]:
    print(shown(title, findings), flush=True)  # noqa: T201
    return findings


def _end_if_bad(findings: Sequence[Finding]) -> None:
    bad = [finding for finding in findings if finding.level == "bad"]
    if bad:
        kind = DistributedError if all(finding.device for finding in bad) else ConfigError
        more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise kind(f"{bad[0].what}{more}", fix=bad[0].fix)
