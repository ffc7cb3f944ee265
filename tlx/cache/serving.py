"""Which phases read which values: the decision, apart from how values are made."""

from collections.abc import Collection

from tlx.cache.ahead import frontier_of, frontiers_ahead
from tlx.cache.frontier import FrontierCache
from tlx.cache.part import Part
from tlx.data.datamodule import TransferData
from tlx.plan import Phase, Plan

__all__ = ["concluding_part", "serve", "training_part", "varied_epochs", "wanted_parts", "why_not"]


def serve(cache: FrontierCache, plan: Plan, number: int, mixes: bool) -> None:
    """Have training samples vary as a phase asks, and the loaders read stored values wherever they may.

    The network is cut where they do. What varies is decided by the plan alone, so that a run without
    room for the values goes through the same variations.

    Args:
        cache: Of the run, whose network is frozen as the phase asks.
        plan: The plan.
        number: The phase, counted from 0.
        mixes: Whether training pictures are mixed.
    """
    data, phase, frontier = cache.data, plan.phases[number], frontier_of(plan, number)
    train = training_part(cache, plan, phase, mixes)
    data.augmenting = data.phase_augments(phase)
    data.views = train.views if frontier and train is not None else None
    data.stored = {}  # what the phase before read may go from memory
    data.stored = cache.rows_of(wanted_parts(cache, plan, number, mixes))
    cache.network.cut = cache.cut(frontier) if data.stored else None
    cache.meet()


def wanted_parts(
    cache: FrontierCache, plan: Plan, number: int, mixes: bool
) -> list[tuple[Part, tuple[int, ...]]]:
    """The splits that a phase reads stored values of, where there is room.

    Args:
        cache: Of the run.
        plan: The plan.
        number: The phase, counted from 0.
        mixes: Whether training pictures are mixed.

    Returns:
        Each with the frontiers that one pass can fill for this phase and for later ones, its own first.
    """
    data, frontier = cache.data, frontier_of(plan, number)
    train = training_part(cache, plan, plan.phases[number], mixes)

    def is_read_alike(phase: Phase) -> bool:
        return training_part(cache, plan, phase, mixes) == train

    wanted = [(Part("val", data.splits.val), frontiers_ahead(plan, number, lambda phase: True))]
    if train is not None:
        wanted.insert(0, (train, frontiers_ahead(plan, number, is_read_alike)))
    return [
        (part, tuple(each for each in frontiers if cache.settings.keeps(part.name, part.views, each)))
        for part, frontiers in wanted
        if frontier and cache.settings.keeps(part.name, part.views, frontier)
    ]


def training_part(cache: FrontierCache, plan: Plan, phase: Phase, mixes: bool) -> Part | None:
    """The training samples as a phase reads them above a frozen part; None where every epoch reads others.

    There are no more variations than epochs that read them, counted over all phases, which share them.
    """
    data, views = cache.data, cache.settings.views
    if mixes:
        return None
    if not data.phase_augments(phase):
        return Part("train", data.splits.train)
    if views is None:
        return None
    return Part("train", data.splits.train, max(1, min(views, varied_epochs(data, plan))))


def varied_epochs(data: TransferData, plan: Plan) -> int:
    """Epochs of all phases that have a frozen part and in which pictures vary."""
    phases = [phase for number, phase in enumerate(plan.phases) if frontier_of(plan, number)]
    return sum(phase.epochs for phase in phases if data.phase_augments(phase))


def why_not(cache: FrontierCache, plan: Plan, phase: Phase, mixes: bool) -> str:
    """Why a phase with a frozen part reads its training samples anew; empty where it does not."""
    if mixes:
        return "pictures are mixed"
    return "pictures vary" if training_part(cache, plan, phase, mixes) is None else ""


def concluding_part(data: TransferData, plan: Plan, number: int, kept: Collection[str]) -> Part | None:
    """The test samples whose values are kept at the end, where the best epoch is of this phase.

    They are kept where they are features alone: other runs of the same backbone read them, while
    larger ones would be written to be read once.

    Args:
        data: Of the run.
        plan: The plan.
        number: The phase, counted from 0.
        kept: The names of the splits whose values it reads.
    """
    test = data.splits.test
    as_they_are = {*kept} - ({"train"} if data.phase_augments(plan.phases[number]) else set())
    if test is None or not as_they_are or frontier_of(plan, number) < len(plan.stages):
        return None
    return Part("test", test)
