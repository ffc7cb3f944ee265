"""What is compared with what: every case, its rows, their settings and their goals. Pure data."""

from dataclasses import dataclass

__all__ = ["CASES", "Case", "Row", "cases", "tlx_words"]

NO_AUGMENTATION = "none"
FASTAI_AUGMENTATION = "crop at a random place along the longer side"


@dataclass(frozen=True)
class Row:
    """One process.

    Args:
        name: For people and for results.
        peer: `tlx`, `plain`, or a key of `environments.PEERS`.
        setting: What was chosen, for people.
        words: Behind the module's own.
        goal: Least ratio of its CPU seconds to those of tlx; None: none was set.
        same: Whether it computes what tlx computes, so that losses must be equal.
        augmentation: Of its training photos, for people.
    """

    name: str
    peer: str
    setting: str
    words: tuple[str, ...]
    goal: float | None = None
    same: bool = False
    augmentation: str = NO_AUGMENTATION


@dataclass(frozen=True)
class Case:
    """Rows that do the same task.

    Args:
        name: For results.
        title: For people.
        rows: tlx first.
        needs: What machine and tlx must have; a case whose needs are not met is skipped and says so.
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    needs: tuple[str, ...] = ()


FAST = ("trainer.precision=bf16-mixed", "trainer.memory_format=channels_last")
PLAIN_FAST = ("precision=bf16-mixed", "memory_format=channels_last")


def tlx_words(*more: str, seed: str = "{seed}") -> tuple[str, ...]:
    """A `tlx fit` that trains as the other rows do: constant rates, no decay, no augmentation."""
    return (
        "fit", "model=resnet18", "model.weights={material}/resnet18.pth", "data=folder",
        "data.root={material}/photos", "data.augment=none", "strategy.schedule=constant",
        "optimizer.weight_decay=0", "trainer=cpu", f"seed={seed}", *more,
    )  # fmt: skip


def _head(epochs: int, *more: str, seed: str = "{seed}") -> tuple[str, ...]:
    words = ("strategy=feature_extraction", f"strategy.epochs={epochs}", "strategy.head_rate=1e-3")
    return tlx_words(*words, *more, seed=seed)


def _gradual(epochs: int, *more: str) -> tuple[str, ...]:
    return tlx_words(
        "strategy=gradual_unfreezing", "trust=[scripts]",
        "strategy._target_=scripts.bench.rows.through_tlx.three_phases", f"strategy.head_epochs={epochs}",
        f"strategy.epochs_per_phase={epochs}", "strategy.head_rate=1e-3", "strategy.backbone_rate=1e-4",
        "strategy.warmup=0", *more,
    )  # fmt: skip


def _peers(plan: str, goals: dict[str, float]) -> tuple[Row, ...]:
    """The rows of those that freeze, at their defaults and at their best."""
    words = (f"phases={plan}",)
    rows = [
        Row("plain", "plain", "best: frozen part under no_grad, in evaluation mode", words, same=True),
        Row("plain-kept", "plain", "best, and freed memory used again, as tlx does", (*words, "memory=kept"),
            same=True),
        Row("plain-default", "plain", "default: requires_grad=False", (*words, "frozen=train")),
        Row("lightning", "lightning", "default: BackboneFinetuning()", words),
        Row("lightning-bn", "lightning", "BackboneFinetuning(train_bn=False)", (*words, "train_bn=false")),
        Row(
            "lightning-best", "lightning",
            "best: BaseFinetuning derived, freeze(train_bn=False), nothing logged or saved",
            (*words, "callback=derived", "trainer=bare"),
        ),
        Row("fastai", "fastai", "default: train_bn=True", words, augmentation=FASTAI_AUGMENTATION),
        Row("fastai-best", "fastai", "best: train_bn=False, no bar",
            (*words, "train_bn=false", "bar=false"), augmentation=FASTAI_AUGMENTATION),
        Row("scheduler", "finetuning-scheduler", "default: a schedule of its own", words),
        Row("scheduler-best", "finetuning-scheduler", "best: schedule given, nothing logged or saved",
            (*words, "schedule=given", "trainer=bare")),
    ]  # fmt: skip
    if "," in plan:  # BackboneFinetuning and the schedule of its own have other phases
        rows = [row for row in rows if row.name not in ("lightning", "lightning-bn", "scheduler")]
    return tuple(
        Row(**{**row.__dict__, "goal": goals[row.name]}) if row.name in goals else row for row in rows
    )


def _both_precisions(plan: str, goal: float) -> tuple[Row, ...]:
    words = (f"phases={plan}",)
    return (
        Row("plain", "plain", "fp32, frozen part under no_grad", words, goal=goal),
        Row("plain-fast", "plain", "bf16 and channels-last as well", (*words, *PLAIN_FAST)),
    )


def cases(epochs: int = 5, full_epochs: int = 1) -> dict[str, Case]:
    """Every case by its name.

    Args:
        epochs: Of each phase.
        full_epochs: Of full fine-tuning.
    """
    head, gradual = f"head:{epochs}", f"head:{epochs},layer4:{epochs},layer3:{epochs}"
    full = ("strategy=full", f"strategy.epochs={full_epochs}", "strategy.warmup=0")
    seeds = ",".join(map(str, range(12)))
    tlx, default = "tlx", "default"
    head_goals = {"plain": 4.8, "plain-kept": 4.8, "lightning": 9.0, "fastai": 7.5, "fastai-best": 4.0}
    found = (
        Case("head", f"head only, {epochs} epochs",
             (Row(tlx, tlx, default, _head(epochs)), *_peers(head, head_goals))),
        Case("gradual", f"gradual unfreezing, {epochs}+{epochs}+{epochs} epochs: head, layer4, layer3",
             (Row(tlx, tlx, default, _gradual(epochs)), *_peers(gradual, {"plain": 2.5, "plain-kept": 2.5}))),
        Case("head_bf16", f"head only, {epochs} epochs, bf16 and channels-last",
             (Row(tlx, tlx, "opt-in bf16", _head(epochs, *FAST)), *_both_precisions(head, 12.0)),
             ("bf16", "memory_format")),
        Case("gradual_bf16", f"gradual unfreezing, {epochs}+{epochs}+{epochs} epochs, bf16 and channels-last",
             (Row(tlx, tlx, "opt-in bf16", _gradual(epochs, *FAST)), *_both_precisions(gradual, 6.5)),
             ("bf16", "memory_format")),
        Case("full", f"full fine-tuning, epochs: {full_epochs}",
             (Row(tlx, tlx, default, tlx_words(*full)),
              Row("plain", "plain", "same steps", (f"phases=all:{full_epochs}",), goal=0.98, same=True),
              Row("plain-kept", "plain", "same steps, and freed memory used again, as tlx does",
                  (f"phases=all:{full_epochs}", "memory=kept"), goal=0.98, same=True))),
        Case("sweep", f"head only, {epochs} epochs, 12 seeds, whole processes",
             (Row(tlx, tlx, "tlx fit -m", _head(epochs, "-m", seed=seeds)),)),
        Case("startup", "start-up, CPU seconds",
             (Row("help", tlx, "tlx --help", ("--help",)),
              Row("compose", tlx, "tlx fit --cfg job", ("fit", "--cfg", "job")))),
    )  # fmt: skip
    return {case.name: case for case in found}


CASES = cases()
