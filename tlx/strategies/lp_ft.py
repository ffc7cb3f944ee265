"""LP-FT: a linear probe first, then fine-tuning of everything from there."""

from collections.abc import Sequence

from tlx.plan import HEAD, Phase, Plan, Schedule

__all__ = ["lp_ft"]


def lp_ft(
    stages: Sequence[str],
    *,
    head_epochs: int = 10,
    head_rate: float = 1e-2,
    epochs: int = 20,
    rate: float = 1e-4,
    schedule: Schedule = "cosine",
    warmup: float = 0.1,
    patience: int | None = None,
) -> Plan:
    r"""Train the head alone, then everything from the head that was found.

    Kumar et al. 2022 (arXiv 2202.10054): (1) the head h minimises L(h(f0)) on the pre-trained
    features f0; (2) all of (f, h) is trained from (f0, h). A fresh head sends large gradients into
    the backbone, which distort features that the training set does not ask about; a head that
    fits already does not, so accuracy outside the training distribution is kept.

    Departures from the paper: its probe is the best of 100 logistic regressions, here AdamW with
    dropout and batches as configured; its second phase is SGD, here `optimizer` decides. Its code
    leaves BatchNorm in evaluation mode in the second phase: `norms=statistics` does that, and only
    with it, or without BatchNorm, the first training step too sees the features that the head
    was trained on. In evaluation mode the second phase always begins with the very logits that the
    first ended with.

    Args:
        stages: The backbone's stages.
        head_epochs: The epochs of the first phase, the head alone.
        head_rate: Peak rate of the head in the first phase.
        epochs: The most epochs of the second phase.
        rate: Peak rate of every part in the second phase; the paper uses one rate for all.
        schedule: Shape of the rates in either phase.
        warmup: Share of the second phase's steps over which rates rise.
        patience: Epochs without a better value after which the second phase ends.
    """
    probe = Phase(HEAD, {HEAD: head_rate}, head_epochs, None, schedule)
    everything = dict.fromkeys((*stages, HEAD), rate)
    return Plan(tuple(stages), (probe, Phase("all", everything, epochs, patience, schedule, warmup)))
