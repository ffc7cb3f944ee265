"""The strategy by the number of labels: chosen when the plan is made, and written down."""

from collections.abc import Sequence
from dataclasses import replace

from tlx.errors import ConfigError
from tlx.plan import HEAD, Plan
from tlx.strategies.discriminative import discriminative
from tlx.strategies.feature_extraction import feature_extraction
from tlx.strategies.full import full
from tlx.strategies.partial import partial

__all__ = ["auto", "guide"]

HEAD_RATE, LOW_RATE = 1e-2, 1e-5


def auto(
    stages: Sequence[str],
    *,
    counts: Sequence[int] = (),
    classes: Sequence[str] = (),
    epochs: int | None = None,
    patience: int | None = None,
) -> Plan:
    """Choose by n, the training samples of the smallest class.

    | n | what trains, beside the head |
    |---|---|
    | < 100 | nothing: `feature_extraction` |
    | 100 to 299 | the last stage, at a low rate: `partial` |
    | 300 to 999 | the last two stages: `partial` |
    | 1000 to 10000 | the last half, each stage slower than the one above: `discriminative` |
    | above | everything: `full` |

    A rule of thumb in the spirit of Yosinski et al. 2014 (arXiv 1411.1792) and Kornblith et al.
    2019 (arXiv 1805.08974): the fewer labels, the fewer weights can be told apart by them; the
    lower a stage, the more general and the less in need of change. It knows neither how far the
    data is from what the weights saw nor what it costs: a sweep over strategies does.

    The plan's note says which rule fired and the command for it, so that it can be gone on from.

    Args:
        stages: The backbone's stages.
        counts: Training samples of each class, or positives of each label; where the target is
            numbers, one entry: a tenth of the samples, rounded down. The fit supplies it.
        classes: Names of the classes; empty where the target is numbers. The fit supplies it.
        epochs: The most epochs; None: those of the strategy that is chosen.
        patience: Epochs without a better value after which training ends.

    Raises:
        ConfigError: There are no counts: nothing is labelled.
    """
    if not counts:
        raise ConfigError(
            "strategy=auto goes by the training samples of the smallest class, and no label was counted",
            fix="data with labels, or a strategy by its name (strategy=feature_extraction needs the fewest)",
        )
    least = min(counts)
    rule, command, plan = guide(tuple(stages), least)
    phases = tuple(
        replace(phase, epochs=phase.epochs if epochs is None else epochs, patience=patience)
        for phase in plan.phases
    )
    note = f"auto: {_smallest(counts, classes)}; {rule} ({command})"
    return replace(plan, phases=phases, note=note)


def guide(stages: tuple[str, ...], least: int) -> tuple[str, str, Plan]:
    """What the table of `auto` says.

    Args:
        stages: The backbone's stages.
        least: Training samples of the smallest class.

    Returns:
        The rule, the words of a command line that choose the strategy, and its plan.
    """
    if least < 100:
        return "below 100: the head alone", "strategy=feature_extraction", feature_extraction(stages)
    if least < 300:
        plan = partial(stages, unfrozen=1, head_rate=HEAD_RATE, backbone_rate=LOW_RATE)
        said = f"strategy=partial strategy.head_rate={HEAD_RATE:g} strategy.backbone_rate={LOW_RATE:g}"
        return "100 to 299: the last stage, at a low rate", said, plan
    if least < 1000:
        two = min(2, len(stages))
        plan = partial(stages, unfrozen=two)
        return "300 to 999: the last two stages", f"strategy=partial strategy.unfrozen={two}", plan
    if least <= 10_000:
        trains = discriminative(stages).phases[0].trains
        rates = {part: trains[part] for part in (*stages[len(stages) // 2 :], HEAD)}
        said = ", ".join(f"{part}: {rate:g}" for part, rate in rates.items())
        rule = "1000 to 10000: the last half, the lower the slower"
        command = f"strategy=discriminative 'strategy.rates={{{said}}}'"
        return rule, command, discriminative(stages, rates=rates)
    return "above 10000: everything", "strategy=full", full(stages)


def _smallest(counts: Sequence[int], classes: Sequence[str]) -> str:
    least = min(counts)
    if len(classes) == len(counts):
        name = f" {classes[list(counts).index(least)]!r}"
    elif len(counts) == 1:
        return f"a tenth of the training samples is {least}, which stands for the smallest class"
    else:
        name = ""
    return f"the smallest class{name} has {least} training {'sample' if least == 1 else 'samples'}"
