"""Which frontiers a run will need, told from its plan alone."""

from collections.abc import Callable

from tlx.plan import Phase, Plan, split_part

__all__ = ["frontier_of", "frontiers_ahead"]


def frontier_of(plan: Plan, number: int) -> int:
    """How many stages at the bottom are frozen in a phase, counted from 0."""
    training = {split_part(part)[0] for part in plan.phases[number].trains}
    frozen = (depth for depth, stage in enumerate(plan.stages) if stage in training)
    return next(frozen, len(plan.stages))


def frontiers_ahead(plan: Plan, number: int, wanted: Callable[[Phase], bool]) -> tuple[int, ...]:
    """The frontiers that one pass at the start of a phase can fill for it and for later phases.

    A later frontier counts as long as nothing below it trains, or starts anew, in between.

    Args:
        plan: The plan.
        number: The phase, counted from 0.
        wanted: Whether a phase reads such values.

    Returns:
        Each > 0, in the order of their phases, none twice; that of the phase itself first where it is
        wanted.
    """
    depth = {stage: position for position, stage in enumerate(plan.stages)}
    untouched, found = len(plan.stages), list[int]()
    for later in range(number, len(plan.phases)):
        phase = plan.phases[later]
        if later > number:
            anew = (depth[stage] for stage in phase.reinitialise if stage in depth)
            untouched = min([untouched, frontier_of(plan, later - 1), *anew])
        frontier = frontier_of(plan, later)
        if wanted(phase) and 0 < frontier <= untouched and frontier not in found:
            found.append(frontier)
    return tuple(found)
