"""Gradual unfreezing: the head first, then stage after stage from the top."""

from collections.abc import Sequence

from tlx.errors import bad_value
from tlx.plan import HEAD, Phase, Plan, Schedule

__all__ = ["gradual_unfreezing"]


def gradual_unfreezing(
    stages: Sequence[str],
    *,
    stages_per_phase: int = 1,
    head_epochs: int = 5,
    epochs_per_phase: int = 3,
    until_plateau: bool = False,
    patience: int = 2,
    head_rate: float = 1e-2,
    backbone_rate: float = 1e-4,
    schedule: Schedule | None = None,
    warmup: float = 0.1,
) -> Plan:
    """Train the head, then let `stages_per_phase` more stages train in each phase, top-down.

    Howard and Ruder 2018 (arXiv 1801.06146) unfreeze one layer group per epoch; here a phase
    lasts `epochs_per_phase` epochs or, with `until_plateau`, as long as the monitored value
    gets better within `patience` epochs, and its best weights come back before the next phase.

    Args:
        stages: The backbone's stages.
        stages_per_phase: How many more stages train in each phase, >= 1.
        head_epochs: The most epochs of the first phase, the head alone.
        epochs_per_phase: The most epochs of each later phase.
        until_plateau: End a phase when its value no longer gets better.
        patience: Epochs without a better value that make a plateau; used with `until_plateau`.
        head_rate: Peak rate of the head.
        backbone_rate: Peak rate of every unfrozen stage.
        schedule: Shape of the rates within a phase; None: cosine for phases of fixed length,
            constant after the warm-up for phases that a plateau ends.
        warmup: Share of each phase's steps over which rates rise.

    Raises:
        ConfigError: `stages_per_phase` is below 1.
    """
    if stages_per_phase < 1:
        raise bad_value("stages_per_phase", stages_per_phase, "a whole number >= 1")
    shape: Schedule = schedule or ("constant" if until_plateau else "cosine")
    wait = patience if until_plateau else None
    phases = [Phase(HEAD, {HEAD: head_rate}, head_epochs, wait, shape, warmup)]
    for top in range(stages_per_phase, len(stages) + stages_per_phase, stages_per_phase):
        thawed = tuple(stages)[max(len(stages) - top, 0) :]
        new = thawed[: len(thawed) - (len(phases) - 1) * stages_per_phase]
        trains = dict.fromkeys(thawed, backbone_rate) | {HEAD: head_rate}
        phases.append(Phase("+ " + ", ".join(new), trains, epochs_per_phase, wait, shape, warmup))
    return Plan(tuple(stages), tuple(phases))
