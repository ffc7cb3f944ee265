"""Why something is recommended, and what makes the advice less than it looks, in sentences."""

from collections.abc import Sequence

from tlx.command_line import SCRATCH
from tlx.protocols.distance import DistanceResult
from tlx.protocols.label_guides import Guide
from tlx.protocols.probe import ProbeResult
from tlx.protocols.results.advise import Entrant, Risk
from tlx.protocols.results.rank import RankResult

__all__ = ["reasons_of", "warnings_of"]

SHOWN = 3


def reasons_of(
    models: RankResult,
    guides: Sequence[Guide],
    entrants: Sequence[Entrant],
    probe: ProbeResult,
    risk: Risk | None,
    distance: DistanceResult | None = None,
) -> tuple[str, ...]:
    """Why, the weightiest first.

    Args:
        models: Scores of the candidates.
        guides: Rules of thumb.
        entrants: Of the tournament, the winner first.
        probe: Of the recommended model.
        risk: The winner against scratch.
        distance: From the source, where there is one.
    """
    found = [
        *_of_strategy(entrants, guides, risk),
        *_of_guides(guides),
        *_of_model(models),
        _of_stage(probe),
        *_of_distance(distance),
    ]
    return tuple(found)


def warnings_of(
    models: RankResult,
    probe: ProbeResult,
    entrants: Sequence[Entrant],
    skipped: Sequence[str],
    trained_on: int,
    samples: int,
) -> tuple[str, ...]:
    """What the advice does not know.

    Args:
        models: Scores of the candidates.
        probe: Of the recommended model.
        entrants: Of the tournament.
        skipped: What the budget had no room for.
        trained_on: Training samples of the tournament.
        samples: Training samples that there are.
    """
    found = list(models.warnings)
    best = max(probe.stages, key=lambda stage: stage.low)
    if entrants and entrants[0].accuracy < best.low:
        found.append(
            f"A linear probe of frozen features is right in {100 * best.accuracy:.1f} % of the validation "
            f"samples [{100 * best.low:.1f}, {100 * best.high:.1f}], the best short run in "
            f"{100 * entrants[0].accuracy:.1f} %: it needs more epochs, or none at all."
        )
    if trained_on < samples:
        found.append(
            f"The tournament trained on {trained_on:,} of {samples:,} samples, the same share of each class: "
            "with all of them strategies that train more may gain."
        )
    if skipped:
        more = f" and {len(skipped) - SHOWN} more" if len(skipped) > SHOWN else ""
        found.append(
            f"The budget had no room for {'; '.join(skipped[:SHOWN])}{more}. Try: advise.budget=MORE"
        )
    if entrants:
        found.append(
            "The tournament was decided on the validation samples, one run each: its figures lean to the "
            "good side, and tlx gain with five seeds says how sure they are."
        )
    return tuple(found)


def _told(entrant: Entrant) -> str:
    """An entrant for people: its words, and its rates where they differ."""
    name = entrant.name.replace("strategy=", "", 1)
    return name if entrant.rate == 1 else f"{name}, rates times {entrant.rate:g}"


def _of_strategy(entrants: Sequence[Entrant], guides: Sequence[Guide], risk: Risk | None) -> list[str]:
    if not entrants:
        return [f"No run could be made, so a rule of thumb decides: {guides[-1].rule}."]
    if risk is not None and risk.verdict == "negative transfer":
        return [
            (
                "From random values the same network was better than with what it knows: by "
                f"{-100 * risk.gain:.1f} points [{-100 * risk.high:.1f}, {-100 * risk.low:.1f}]."
            )
        ]
    won, *others = entrants
    near = dict.fromkeys(
        _told(each)
        for each in others
        if each.behind_low is not None and each.behind_low <= 0 and not each.name.startswith(SCRATCH)
    )
    tied = f" Not told apart from it on these samples: {'; '.join(near)}." if near else ""
    against = f"was best of {len(entrants)} short runs" if others else "was compared with nothing"
    length = f"{won.epochs} epoch{'' if won.epochs == 1 else 's'}"
    reached = f"{100 * won.accuracy:.1f} % of the validation samples after {length}"
    return [f"{_told(won)} {against}: {reached}.{tied}"]


def _of_guides(guides: Sequence[Guide]) -> list[str]:
    by_all, by_least = guides
    if by_all.strategy == by_least.strategy:
        return [f"Both rules of thumb say {by_all.strategy}."]
    return [
        (
            f"The rules of thumb differ: by all {by_all.counted:,} labels {by_all.strategy}, by the "
            f"{by_least.counted:,} of the smallest class {by_least.strategy}."
        )
    ]


def _of_model(models: RankResult) -> list[str]:
    first, *others = models.candidates
    if not others:
        return []
    return [
        (
            f"{first.name} has the best LogME of {len(models.candidates)} models, {first.logme:.3f}; next is "
            f"{others[0].name} with {others[0].logme:.3f}."
        )
    ]


def _of_stage(probe: ProbeResult) -> str:
    best = next(stage for stage in probe.stages if stage.name == probe.best)
    last = probe.stages[-1]
    if last.accuracy >= best.low:
        return (
            f"Its last stage tells the classes apart as well as any: a linear probe is right in "
            f"{100 * last.accuracy:.1f} %."
        )
    return (
        f"Its stage {best.name} tells more than the last one, {100 * best.accuracy:.1f} against "
        f"{100 * last.accuracy:.1f} %: the upper stages are made for other classes, and may have to change."
    )


def _of_distance(distance: DistanceResult | None) -> list[str]:
    if distance is None:
        return []
    found = {measure.name: measure for measure in distance.stages[-1].measures}
    name = "a_distance" if "a_distance" in found else next(iter(found))
    far, called = found[name], {"a_distance": "proxy A-distance"}.get(name, f"{name} distance")
    return [
        (
            f"From {distance.source} it has a {called} of {far.value:.2f}, where halves of it have "
            f"{far.within:.2f}."
        )
    ]
