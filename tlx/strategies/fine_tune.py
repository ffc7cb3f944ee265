"""Fine-tuning as one would advise it: the head first, then everything, the lower the slower."""

from collections.abc import Sequence

from tlx.errors import bad_value
from tlx.plan import HEAD, Phase, Plan, Schedule

__all__ = ["fine_tune"]


def fine_tune(
    stages: Sequence[str],
    *,
    head_epochs: int = 10,
    head_rate: float = 1e-2,
    epochs: int = 20,
    rate: float = 2e-4,
    decay: float = 0.75,
    schedule: Schedule = "cosine",
    warmup: float = 0.1,
    patience: int | None = None,
) -> Plan:
    r"""Train the head on frozen features, then everything from there at rates that fall downwards.

    Meant for 200 to 5000 samples, pictures or texts. In the second phase stage l of L has the
    peak rate `rate * decay ** (L + 1 - l)`. Why these defaults:

    * The head first, at the rate and with about the steps that `feature_extraction` needs:
      gradients of a random head distort the features (Kumar et al. 2022, arXiv 2202.10054), and
      since the best epoch of the whole run is kept, validation does not end below that of the
      head alone after `head_epochs`. That is the guard for tiny sets.
    * Then everything, for it beat fixed features on nearly all sets of natural pictures and all
      networks of Kornblith et al. 2019 (arXiv 1805.08974).
    * A low rate: how far it is right to move depends on how near the data is to what the weights
      saw, and on near data small rates win (Li et al. 2020, arXiv 2002.11770). Sweep it first.
      2e-4 at the head is, on average over the stages, 9e-5 for a ResNet and 5e-5 for a BERT of
      12 blocks, the upper end of what its authors try (Devlin et al. 2019, arXiv 1810.04805).
    * `decay` of MAE's larger model (He et al. 2022, arXiv 2111.06377), mild enough for five stages.
    * Twenty epochs with a warm-up of a tenth: on small text sets, fine-tuning that fails is mostly
      too short or lacks the warm-up (Mosbach et al. 2021, arXiv 2006.04884).
    * No patience: a cosine gains most in its last third, and on a small validation split a run of
      equal values is no plateau. The best epoch is kept either way; patience only saves time.

    Args:
        stages: The backbone's stages.
        head_epochs: Epochs of the first phase, the head alone.
        head_rate: Peak rate of the head in the first phase.
        epochs: The most epochs of the second phase.
        rate: Peak rate of the head in the second phase.
        decay: Ratio of the rate of a stage to that of the part above, in (0, 1].
        schedule: Shape of the rates in either phase.
        warmup: Share of the second phase's steps over which rates rise.
        patience: Epochs without a better value after which the second phase ends.

    Raises:
        ConfigError: `decay` is out of its range.
    """
    if not 0 < decay <= 1:
        raise bad_value("decay", decay, "a number in (0, 1]", "decay=0.75")
    head = Phase(HEAD, {HEAD: head_rate}, head_epochs, None, schedule)
    below = {stage: rate * decay**depth for depth, stage in enumerate(reversed(stages), 1)}
    trains = {part: below.get(part, rate) for part in (*stages, HEAD)}
    return Plan(tuple(stages), (head, Phase("all", trains, epochs, patience, schedule, warmup)))
