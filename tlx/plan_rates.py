"""A plan with other rates: all of them, or those of single stages."""

from collections.abc import Mapping
from dataclasses import replace

from tlx.errors import ConfigError, unknown_name
from tlx.plan import HEAD, Phase, Plan, split_part

__all__ = ["scaled"]


def scaled(plan: Plan, factor: float, stages: Mapping[str, float]) -> Plan:
    """Multiply rates; the ratios of stages that are not named stay.

    >>> phase = Phase("all", {"stem": 1e-4, "layer1": 1e-3, "head": 1e-2}, epochs=1)
    >>> plan = Plan(("stem", "layer1"), (phase,))
    >>> dict(scaled(plan, 2.0, {"layer1": 5.0, "stem": 0.0}).phases[0].trains)
    {'layer1': 0.01, 'head': 0.02}

    Args:
        plan: As the strategy compiled it.
        factor: Of every rate, > 0.
        stages: Further factors of single stages, norms included, or of the head, >= 0; 0: frozen.

    Raises:
        ConfigError: There is no such stage, or a phase would train nothing.
    """
    known = (*plan.stages, HEAD)
    strange = next((stage for stage in stages if stage not in known), None)
    if strange is not None:
        raise unknown_name("stage", strange, known)
    if factor == 1 and not stages:
        return plan
    return replace(plan, phases=tuple(_phase(phase, factor, stages) for phase in plan.phases))


def _phase(phase: Phase, factor: float, stages: Mapping[str, float]) -> Phase:
    factors = {part: factor * stages.get(split_part(part)[0], 1.0) for part in phase.trains}
    trains = {part: rate * factors[part] for part, rate in phase.trains.items() if factors[part] > 0}
    if not trains:
        frozen = ", ".join(stage for stage, each in stages.items() if each == 0)
        raise ConfigError(
            f"stage_rates freezes {frozen}, and phase {phase.name!r} trains nothing else",
            fix="a strategy whose phases train more, such as strategy=full",
        )
    return replace(phase, trains=trains)
