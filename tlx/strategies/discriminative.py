"""Discriminative fine-tuning: the lower a stage, the slower it moves."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tlx.errors import ConfigError, bad_value, unknown_name
from tlx.plan import HEAD, Phase, Plan, Schedule

__all__ = ["discriminative"]

RATE, DECAY = 1e-3, 0.385


def discriminative(
    stages: Sequence[str],
    *,
    rate: float = RATE,
    decay: float = DECAY,
    rates: Mapping[str, float] | None = None,
    epochs: int = 20,
    schedule: Schedule = "cosine",
    warmup: float = 0.1,
    patience: int | None = None,
) -> Plan:
    r"""Train everything, each stage `decay` times as fast as the one above it; or by a list of rates.

    With L stages, stage l = 1 ... L has the peak rate `rate * decay ** (L + 1 - l)` and the head
    has `rate`. Howard and Ruder 2018 (arXiv 1801.06146) divide by 2.6 from each layer group to
    the one below, which is 0.385. Layer-wise decay of transformers is the same formula with a
    milder factor, since they have more stages: 0.65 for a ViT-B and 0.75 for a ViT-L in BEiT
    (Bao et al. 2022, arXiv 2106.08254) and MAE (He et al. 2022, arXiv 2111.06377).

    Args:
        stages: The backbone's stages.
        rate: Peak rate of the head.
        decay: Ratio of the rate of a stage to that of the stage above, in (0, 1].
        rates: The peak rate of each part by its name, the head among them; a stage that is not
            named is frozen. It takes the place of `rate` and `decay`.
        epochs: The most epochs.
        schedule: Shape of the rates.
        warmup: Share of the steps over which rates rise.
        patience: Epochs without a better value after which training ends.

    Raises:
        ConfigError: `decay` is out of its range, or beside `rates`; `rates` leaves the head out,
            or holds something that is no number.
    """
    if rates is None:
        if not 0 < decay <= 1:
            raise bad_value("decay", decay, "a number in (0, 1]", "decay=0.65")
        below = {stage: rate * decay**depth for depth, stage in enumerate(reversed(stages), 1)}
        trains = {part: below.get(part, rate) for part in (*stages, HEAD)}
    else:
        _check(stages, rates, rate, decay)
        order = [part for stage in stages for part in (stage, f"{stage}:norm")] + [HEAD]
        known = [part for part in order if part in rates]
        trains = {part: float(rates[part]) for part in (*known, *sorted(rates.keys() - set(known)))}
    phase = Phase("a rate per stage", trains, epochs, patience, schedule, warmup)
    return Plan(tuple(stages), (phase,))


def _check(stages: Sequence[str], rates: Mapping[str, Any], rate: float, decay: float) -> None:
    example = "'strategy.rates={layer4: 1e-4, head: 1e-3}'"
    if not isinstance(rates, Mapping):
        raise bad_value("rates", rates, "a mapping from stages to rates", example)
    for name, value, default in (("rate", rate, RATE), ("decay", decay, DECAY)):
        if value != default:
            raise ConfigError(
                f"{name}={value:g} would be ignored, for rates gives the rate of every part",
                fix=f"strategy.{name}={default:g}, its default, or strategy.rates=null",
            )
    for part, value in rates.items():
        if isinstance(value, str):
            raise bad_value(f"rates.{part}", value, "a number, and this is text", "1e-5, without quotes")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise bad_value(f"rates.{part}", value, "a number > 0", example)
    unknown = [part for part in rates if part.removesuffix(":norm") not in (*stages, HEAD)]
    if unknown:
        raise unknown_name("stage", unknown[0], (*stages, HEAD))
    if HEAD not in rates:
        raise bad_value("rates", dict(rates), "a rate for the head too, which is new", "head: 1e-3 in it")
