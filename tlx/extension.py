"""A run whose strategy changed on the way: what is over stays, what is to come follows the new plan."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tlx.errors import ConfigError
from tlx.plan import Phase, PhaseEnd, Plan

__all__ = ["Extension", "extension"]


@dataclass(frozen=True)
class Extension:
    """How a run goes on.

    Args:
        plan: The phases that are over as they were, then what is to come.
        longer: Whether nothing differs but phases that last longer, or further ones behind the last.
        lines: What changed, for people.
    """

    plan: Plan
    longer: bool
    lines: tuple[str, ...]


def extension(
    saved: Plan, compiled: Plan, asked: Plan, ends: Sequence[PhaseEnd], trained: int
) -> Extension | None:
    """The plan that a run goes on with when its strategy now compiles to another one.

    Phases that are over stay as they were. The open one and those to come are taken from `asked`:
    their rates are those of the new length from the next step on, as if it had been known from the
    beginning. Where all are over, one more phase follows that trains the same as the last for the
    epochs by which the last is longer now; its schedule and patience begin anew.

    Args:
        saved: What the run goes by.
        compiled: What the strategy compiled to when that was written down; `saved`, where no
            phase was added since.
        asked: What the strategy compiles to now.
        ends: The ledger.
        trained: Epochs that the open phase has trained.

    Returns:
        None where the strategy compiles to what it did.

    Raises:
        ConfigError: The run cannot go on so.
    """
    if asked == compiled:
        return None
    if asked.stages != saved.stages:
        raise ConfigError("the stages of the network are not those that the run trains", fix="a new run")
    over, known = len(ends), len(compiled.phases)
    rest = asked.phases[over:] if over < known else _added(compiled, asked, ends)
    if rest and rest[0].epochs <= trained:
        raise ConfigError(
            f"the phase {rest[0].name!r} has trained {trained} epochs, and would last {rest[0].epochs}",
            fix=f"more than {trained}",
        )
    plan = replace(asked, phases=(*saved.phases[:over], *rest), note=saved.note)
    if not rest or plan == saved:
        raise ConfigError(
            f"{'every phase' if over >= len(saved.phases) else 'what would change'} is over after "
            f"{_epochs(ends[-1].epoch if ends else 0)}, and stays as it was",
            fix="more epochs for the last phase, or a new run with init_from=THIS_RUN",
        )
    return Extension(plan, _is_longer(compiled, asked), tuple(_lines(saved, plan, over)))


def _added(compiled: Plan, asked: Plan, ends: Sequence[PhaseEnd]) -> tuple[Phase, ...]:
    """What follows once all that the strategy compiled to is over."""
    known = len(compiled.phases)
    if len(asked.phases) != known:
        raise ConfigError(
            f"all {known} phases are over, and the strategy now has {len(asked.phases)}",
            fix="a new run with init_from=THIS_RUN",
        )
    last = asked.phases[-1]
    more = last.epochs - (ends[-1].epoch - (ends[known - 2].epoch if known > 1 else 0))
    name = f"{last.name}, extended" if last.name else "extended"
    return (replace(last, name=name, epochs=more, reinitialise=()),) if more > 0 else ()


def _is_longer(before: Plan, after: Plan) -> bool:
    if len(after.phases) < len(before.phases) or before.norms != after.norms:
        return False
    pairs = list(zip(before.phases, after.phases, strict=False))
    return all(old.epochs <= new.epochs and replace(new, epochs=old.epochs) == old for old, new in pairs)


def _lines(saved: Plan, plan: Plan, over: int) -> Iterator[str]:
    for number, phase in enumerate(plan.phases[over:], over):
        name = f"phase {number + 1} ({phase.name})" if phase.name else f"phase {number + 1}"
        if number >= len(saved.phases):
            yield f"{name}: new, {_epochs(phase.epochs)}, its schedule begins anew"
        elif phase != saved.phases[number]:
            old = saved.phases[number]
            more = "" if replace(phase, epochs=old.epochs) == old else ", and more than its length"
            length = f"{old.epochs} -> {_epochs(phase.epochs)}"
            yield f"{name}: {length}{more}, rates of the new length from here on"
    if len(plan.phases) < len(saved.phases):
        yield f"{len(saved.phases) - len(plan.phases)} phases fewer"


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"
