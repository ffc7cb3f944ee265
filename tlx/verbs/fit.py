"""`tlx fit` and `tlx plan`: compose, refuse what cannot work, then train or print."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tlx.composition import app
from tlx.composition.compose import Composed
from tlx.errors import ConfigError
from tlx.process.signals import left_at_once
from tlx.run.directory import begin, check_free, claimed, place, shown
from tlx.run.record import recorded
from tlx.verbs.announce import announce
from tlx.verbs.launch import prepared
from tlx.verbs.nodes import launched, together
from tlx.verbs.run_config import write_config

__all__ = ["fit", "plan", "start"]


def fit(argv: Sequence[str]) -> None:
    """Train one run, or with -m a sweep of them."""
    if app.parse(argv).multirun:
        if launched():
            raise ConfigError("-m starts a launch for each of its jobs", fix="tlx fit -m without torchrun")
        from tlx.verbs.sweep import sweep

        sweep(argv)
        return
    composed = app.run("fit", argv)
    if composed is None:
        return
    if composed.sweep_dir is not None:
        raise ConfigError("sweep_dir is where the jobs of -m live", fix="run_dir=PATH, or add -m")
    run = place(composed.run_dir, "runs", composed.name)
    if launched():
        summary = together(run, composed.config, composed.trust, _begun)
        if summary is not None:
            announce(run, summary)
        return
    announce(run, start(run, composed))


def plan(argv: Sequence[str]) -> None:
    """Print what a run would train, and train nothing."""
    if app.parse(argv).multirun:
        raise ConfigError("tlx plan prints one plan at a time", fix="tlx plan without -m")
    composed = app.run("plan", argv)
    if composed is None:
        return
    from rich.console import Console

    from tlx.assembly import describe_plan
    from tlx.composition.job import make_job

    console = Console(soft_wrap=True)
    _, table = describe_plan(make_job(composed.config, composed.trust))
    console.print(table, highlight=False, markup=False)
    if composed.measure:
        from tlx.doctor.cost import measured
        from tlx.doctor.cost import table as cost_table

        cost = measured(make_job(composed.config, composed.trust))
        console.print(cost_table(cost), highlight=False, markup=False)


def start(run: Path, composed: Composed) -> Mapping[str, Any]:
    """Train a run from its beginning.

    Returns:
        Its summary.

    Raises:
        ConfigError: Its directory holds something already, or a value cannot be used.
        CheckpointError: Another process trains it.
    """
    check_free(run)
    from tlx.composition.cache import check_cache

    with left_at_once(lambda: None, insisted=False):  # there is nothing yet to be lost
        work = prepared(composed.config, composed.trust)
        check_cache(composed.config, composed.trust)
    with _begun(run, composed.config):
        return work(run)


@contextlib.contextmanager
def _begun(run: Path, config: Mapping[str, Any]) -> Iterator[None]:
    """Have the run's directory, with its config, to oneself, and note how the run ends."""
    check_free(run)
    with claimed(run):
        check_free(run)
        write_config(run, config)
        print(f"run {shown(run)}", flush=True)  # noqa: T201  # from here on it can be resumed
        begin(run)
        with recorded(run):
            yield
