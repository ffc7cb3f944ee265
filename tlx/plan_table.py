"""The plan with what only a network and a data set can tell: parameters and augmentation."""

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tlx.cache.forecast import forecast, unused_views
from tlx.cache.frontier import FrontierCache
from tlx.checkpoint.durable import write_durably
from tlx.data.datamodule import TransferData
from tlx.errors import CheckpointError
from tlx.made_by import made_by, refuse_newer
from tlx.modules.network import Network
from tlx.plan import HEAD, Phase, Plan, split_part
from tlx.report.phases import remarks
from tlx.run.directory import read_json

__all__ = ["compiled_plan", "plan_table", "save_plan", "saved_plan", "with_compiled"]

WIDTH = 100

COMPILED = "compiled"
"""The key of plan.json for what the strategy compiled to, where the run goes by another plan."""


def plan_table(
    plan: Plan, network: Network, data: TransferData, cache: FrontierCache | None = None, mixes: bool = False
) -> tuple[dict[str, Any], str]:
    """The plan as plain values (plan.json) and as a table for people.

    Args:
        plan: The plan.
        network: Whose parts it names.
        data: What it trains on.
        cache: What keeps the frozen part; None: that is not told.
        mixes: Whether training pictures are mixed.
    """
    lines = []
    plain = plan.to_dict()
    plain["total_parameters"] = sum(p.numel() for _, _, p in network.named_parts())
    for number, (phase, described) in enumerate(zip(plan.phases, plain["phases"], strict=True)):
        network.freeze_except(phase.trains, plan.norms)
        described["parameters"] = sum(p.numel() for _, p in network.trainable())
        described["augment"] = data.phase_augments(phase)
        if cache is not None:
            kept = forecast(cache, plan, number, mixes)
            described |= {"frontier": kept.frontier, "cache_bytes": kept.bytes}
            lines.append(kept.line(number, plan))
    if cache is not None:
        lines.append(unused_views(cache, plan))
    return plain, "\n".join([_as_text(plan, plain), *filter(None, lines)])


def save_plan(
    folder: Path,
    plan: Plan,
    network: Network,
    data: TransferData,
    cache: FrontierCache | None = None,
    mixes: bool = False,
) -> str:
    """Write plan.json; return the table."""
    plain, text = plan_table(plan, network, data, cache, mixes)
    plain |= {"made_by": made_by()}
    path = folder / "plan.json"
    before = read_json(path) if path.is_file() else {}
    plain |= {key: before[key] for key in (COMPILED,) if key in before}
    write_durably(path, lambda to: to.write_text(json.dumps(plain, indent=1)))
    return text


def saved_plan(folder: Path) -> Plan | None:
    """The plan a run directory holds: what a strategy resolved to is what a resume goes on with.

    One of an older tlx has no note, and lets norms train.

    Raises:
        CheckpointError: The file is damaged, or a newer tlx made it.
    """
    found = _plans(folder)
    return found and found[0]


def compiled_plan(folder: Path) -> Plan | None:
    """What the strategy compiled to when the plan of a run directory was made or last changed."""
    found = _plans(folder)
    return found and found[1]


def with_compiled(plan: Plan, compiled: Plan) -> dict[str, Any]:
    """Plain values of a plan and of what the strategy compiled to, for plan.json."""
    more = {} if plan == compiled else {COMPILED: compiled.to_dict()}
    return plan.to_dict() | {"made_by": made_by()} | more


def _plans(folder: Path) -> tuple[Plan, Plan] | None:
    """The plan that a run goes by, and the one that its strategy compiled to."""
    path = folder / "plan.json"
    if not path.is_file():
        return None
    plain = read_json(path)
    refuse_newer(plain.pop("made_by", None), "the plan", path)
    try:
        compiled = plain.pop(COMPILED, plain)
        return Plan.from_dict(plain), Plan.from_dict(compiled)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"plan.json cannot be used: {error!r:.200}", where=str(path)) from error


def _as_text(plan: Plan, plain: dict[str, Any]) -> str:
    count = "1 phase" if len(plan.phases) == 1 else f"{len(plan.phases)} phases"
    epochs = f"{plan.max_epochs} epoch{'' if plan.max_epochs == 1 else 's'}"
    table = Table(title=f"Plan: {count}, at most {epochs}", title_justify="left")
    for heading in ("", "trains, at peak rate", "frozen", "schedule", "epochs", "parameters", "augment"):
        table.add_column(heading, justify="right" if heading in ("", "parameters") else "left")
    for number, (phase, described) in enumerate(zip(plan.phases, plain["phases"], strict=True), 1):
        table.add_row(
            str(number),
            _trains(phase),
            _frozen(phase, plan.stages),
            f"{phase.schedule}\nwarm-up {phase.warmup:.0%}" if phase.warmup else phase.schedule,
            _epochs(phase),
            f"{described['parameters']:,}\nof {plain['total_parameters']:,}",
            "yes" if described["augment"] else "no",
        )
    text = io.StringIO()
    Console(file=text, width=WIDTH, color_system=None, force_terminal=False).print(table)
    return "\n".join([*remarks(plan), text.getvalue().rstrip()])


def _trains(phase: Phase) -> str:
    by_rate: dict[float, list[str]] = {}
    for part, rate in phase.trains.items():
        by_rate.setdefault(rate, []).append(part)
    rates = "\n".join(f"{', '.join(parts)}: {rate:g}" for rate, parts in by_rate.items())
    return f"{rates}\nfrom random values" if phase.reinitialise else rates


def _frozen(phase: Phase, stages: tuple[str, ...]) -> str:
    training = {split_part(part)[0] for part in phase.trains}
    return ", ".join(stage for stage in (*stages, HEAD) if stage not in training) or "nothing"


def _epochs(phase: Phase) -> str:
    if phase.patience is None:
        return str(phase.epochs)
    return f"up to {phase.epochs}\n(patience {phase.patience})"
