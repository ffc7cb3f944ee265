"""`tlx fit` and `tlx plan`: compose, refuse what cannot work, then train or print."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tlx.composition import app
from tlx.composition.compose import Composed
from tlx.composition.resolve import to_yaml
from tlx.errors import ConfigError
from tlx.run_directory import begin, check_free, claimed, place, recorded, shown, write_text
from tlx.verbs.announce import announce
from tlx.verbs.launch import train

__all__ = ["fit", "plan", "start"]


def fit(argv: Sequence[str]) -> None:
    """Train one run, or with -m a sweep of them."""
    if app.parse(argv).multirun:
        from tlx.verbs.sweep import sweep

        sweep(argv)
        return
    composed = app.run("fit", argv)
    if composed is None:
        return
    if composed.sweep_dir is not None:
        raise ConfigError("sweep_dir is where the jobs of -m live", fix="run_dir=PATH, or add -m")
    run = place(composed.run_dir, "runs", composed.name)
    print(f"run {shown(run)}", flush=True)  # noqa: T201
    announce(run, start(run, composed))


def plan(argv: Sequence[str]) -> None:
    """Print what a run would train, and train nothing."""
    if app.parse(argv).multirun:
        raise ConfigError("tlx plan prints one plan at a time", fix="tlx plan without -m")
    composed = app.run("plan", argv)
    if composed is None:
        return
    from rich.console import Console

    from tlx.composition.job import make_job
    from tlx.training import describe_plan

    _, table = describe_plan(make_job(composed.config, composed.trust))
    Console(soft_wrap=True).print(table, highlight=False, markup=False)


def start(run: Path, composed: Composed) -> Mapping[str, Any]:
    """Train a run from its beginning.

    Returns:
        Its summary.

    Raises:
        ConfigError: Its directory holds something already.
        CheckpointError: Another process trains it.
    """
    check_free(run)
    with claimed(run):
        check_free(run)
        write_text(run / "config.yaml", to_yaml(composed.config))
        begin(run)
        with recorded(run):
            return train(run, composed.config, composed.trust)
