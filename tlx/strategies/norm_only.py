"""Norm-only fine-tuning: the weights and biases of the norms move, and the head."""

from collections.abc import Sequence

from tlx.plan import HEAD, Phase, Plan, Schedule

__all__ = ["norm_only"]


def norm_only(
    stages: Sequence[str],
    *,
    epochs: int = 20,
    head_rate: float = 1e-3,
    norm_rate: float = 1e-3,
    schedule: Schedule = "cosine",
    warmup: float = 0.1,
    patience: int | None = None,
) -> Plan:
    """Train the norms of every stage and the head, freeze all other weights.

    Frankle et al. 2021 (arXiv 2003.00152) show how much a network can do with BatchNorm's weights
    and biases alone; for text, BitFit (Ben Zaken et al. 2022, arXiv 2106.10199) does as well as full
    fine-tuning on small sets with all biases, here those of the norms only. Less than a hundredth
    of the weights of a usual network move. Running statistics follow the new data as well, unless
    `norms=statistics`. The rate is higher than for whole stages, as BitFit's.

    A network without norms, such as SqueezeNet or VGG, is refused when the plan meets it.

    Args:
        stages: The backbone's stages.
        epochs: The most epochs.
        head_rate: Peak rate of the head.
        norm_rate: Peak rate of the norms.
        schedule: Shape of the rates.
        warmup: Share of the steps over which rates rise.
        patience: Epochs without a better value after which training ends.
    """
    trains = {f"{stage}:norm": norm_rate for stage in stages} | {HEAD: head_rate}
    return Plan(tuple(stages), (Phase("norms + head", trains, epochs, patience, schedule, warmup),))
