"""How long a run will compute frozen parts: passes over a few samples, told at their full length."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from statistics import fmean, median

from tlx.cache.ahead import frontier_of
from tlx.cache.forecast import Forecast
from tlx.cache.frontier import FrontierCache
from tlx.cache.part import Part
from tlx.cache.rows import open_rows
from tlx.cache.serving import wanted_parts
from tlx.plan import Plan

__all__ = ["Opening", "at_full_length", "openings"]


@dataclass
class Opening:
    """What it takes a phase to have the values of its frozen part, in seconds.

    Args:
        whole: Of all samples: to compute what is lacking, to open what is kept, and to compare it.
        few: Of the few that are measured, once their values were computed where a run can keep them.
    """

    whole: float = 0.0
    few: float = 0.0


def openings(
    run: FrontierCache,
    trial: FrontierCache,
    plan: Plan,
    told: Sequence[Forecast],
    mixes: bool,
    processes: int = 1,
    ready: int = 0,
) -> list[Opening]:
    """What each phase spends on its frozen part before it trains.

    A frontier is filled by the pass of an earlier phase only where the run has room for it beside what
    precedes it; what is kept already is opened. Values change once a stage below them has trained.

    Args:
        run: Of the run, which is asked and makes nothing.
        trial: Of the same network on a few samples, with room for all of them.
        plan: The plan.
        told: What each phase will keep.
        mixes: Whether training pictures are mixed.
        processes: How many of a machine divide a pass among them.
        ready: Batches that processes have loaded ahead when a pass asks for the first one.
    """
    found, made, untouched = list[Opening](), dict[str, int](), len(plan.stages)
    for number, phase in enumerate(plan.phases):
        run.network.freeze_except(phase.trains, plan.norms)
        if number:
            touched = _lowest_change(plan, number)
            made = {name: frontier for name, frontier in made.items() if frontier <= touched}
            untouched = min(untouched, touched)
        found.append(Opening())
        for part, cuts in run.needs(wanted_parts(run, plan, number, mixes)):
            if not (told[number].train if part.name == "train" else told[number].val):
                continue
            frontiers = {name: cut.frontier for name, cut in cuts.items()}
            lacking = {
                name: frontier
                for name, frontier in frontiers.items()
                if name not in made and not (frontier <= untouched and run.making.holds(name))
            }
            first = next(iter(frontiers))
            is_filled = first in lacking
            made |= lacking if is_filled else {}
            wanted = tuple(lacking.values()) if is_filled else (frontiers[first],)
            few = Part(part.name, getattr(trial.data.splits, part.name), part.views)
            most = run.data.eval_batch_size
            larger = part.block(most) / few.block(trial.data.eval_batch_size)
            size = ceil(part.blocks(most) / processes), larger, ready
            opened = _opened(trial, few, wanted, size if is_filled else None)
            opened.whole += (part.rows / few.rows - 1) * _reading(trial, few, wanted)
            found[-1].whole += opened.whole
            found[-1].few += opened.few
    return found


def at_full_length(moments: Sequence[float], blocks: int, larger: float, ready: int = 0) -> float:
    """Seconds of a pass over more blocks than the one that was timed.

    What comes before the first block, such as starting processes that load, is spent once; what comes
    after the last one, such as hashing what was written, grows with the values.

    >>> at_full_length([10.0, 13.0, 15.0, 17.0, 18.0], blocks=30, larger=1.0)
    71.0

    Args:
        moments: When the timed pass began, when each of its blocks was filled, and when it ended.
        blocks: Of the longer pass, >= 1.
        larger: How many times as many samples its blocks have.
        ready: Blocks whose samples were loaded ahead, which tell nothing of those to come.
    """
    began, *filled, ended = moments
    laps = [after - before for before, after in pairwise(filled)]
    late = laps[ready:] if ready else []
    lap = fmean(late) if late else median(laps) if laps else filled[0] - began
    start = max(filled[0] - began - lap, 0.0)
    return start + larger * blocks * (lap + (ended - filled[-1]) / len(filled))


def _opened(
    trial: FrontierCache, few: Part, frontiers: tuple[int, ...], size: tuple[int, float, int] | None
) -> Opening:
    """What it takes until values can be read at the first of some frontiers.

    Args:
        trial: On a few samples.
        few: These.
        frontiers: Which the run fills by this pass, or the one that it opens.
        size: Of the pass that the run makes: its blocks, how many times as large they are, and how many
            lie ready; None: it makes none.
    """
    [(_, cuts)] = trial.needs([(few, frontiers)])  # which learns them, as a run does when it prints its plan
    stale = [name for name in cuts if size is not None and trial.making.holds(name)]
    _forget(trial, stale)
    began, trial.making.passes = time.monotonic(), []
    trial.rows(few, frontiers)
    passes = [moments for _, moments in trial.making.passes]
    made = sum(moments[-1] - moments[0] for moments in passes)
    spent = time.monotonic() - began - made
    whole = 0.0 if size is None else sum(at_full_length(moments, *size) for moments in passes)
    return Opening(spent + whole, spent + (made if stale else 0.0))


def _forget(trial: FrontierCache, stale: Sequence[str]) -> None:
    """Let values go that the run computes again, for what lies below them has changed."""
    if stale:
        trial.rows_of([])
    for name in stale:
        trial.making.held.pop(name, None)
        trial.making.store.discard(name)


def _reading(trial: FrontierCache, few: Part, frontiers: tuple[int, ...]) -> float:
    """Seconds to hold a few samples' values against their hash; 0 where they are in memory alone."""
    [(_, cuts)] = trial.needs([(few, frontiers[:1])])
    name = next(iter(cuts))
    if not trial.making.store.holds(name):
        return 0.0
    began = time.monotonic()
    open_rows(trial.making.store.path(name), trial.memory).release()
    return time.monotonic() - began


def _lowest_change(plan: Plan, number: int) -> int:
    """How many stages at the bottom the phase before leaves as they are, with what begins anew now."""
    anew = [plan.stages.index(stage) for stage in plan.phases[number].reinitialise if stage in plan.stages]
    return min([frontier_of(plan, number - 1), *anew])
