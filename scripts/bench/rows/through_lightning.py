"""Lightning with its BackboneFinetuning, or with the callback that its documentation derives.

    python -m scripts.bench.rows.through_lightning material=DIR phases=head:5 out=FILE

`callback=backbone` is BackboneFinetuning, which knows two phases: the head, then everything.
`callback=derived` derives from BaseFinetuning, freezes with train_bn=False and thaws stage by stage.
"""

import sys
from pathlib import Path

from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import BackboneFinetuning, BaseFinetuning
from torch.optim import Optimizer

from scripts.bench.rows.classifier import Classifier, Timing, trainer_of
from scripts.bench.rows.clock import words
from scripts.bench.rows.photos import loaders, network, phases, start

DEFAULTS = {
    "material": "", "phases": "head:5", "callback": "backbone", "train_bn": "true", "trainer": "default",
    "out": "",
}  # fmt: skip


class Derived(BaseFinetuning):
    """Frozen with train_bn=False, then thawed stage by stage.

    Args:
        plan: From `phases`, the head first.
    """

    def __init__(self, plan: list[tuple[str, int]]) -> None:
        super().__init__()
        ends = [sum(epochs for _, epochs in plan[: n + 1]) for n in range(len(plan))]
        self._thaws = dict(zip(ends[:-1], (name for name, _ in plan[1:]), strict=True))

    def freeze_before_training(self, pl_module: LightningModule) -> None:
        self.freeze(pl_module.backbone, train_bn=False)

    def finetune_function(self, pl_module: LightningModule, epoch: int, optimizer: Optimizer) -> None:
        if epoch in self._thaws:
            stage = getattr(pl_module.backbone, self._thaws[epoch])
            self.unfreeze_and_add_param_group(stage, optimizer, lr=1e-4)


def main(argv: list[str]) -> None:
    """Train and report."""
    given = words(argv, DEFAULTS)
    found, plan = start(given["material"]), phases(given["phases"])
    train, val = loaders(given["material"], found, shuffled=True)
    timing = Timing()
    callback: BaseFinetuning = Derived(plan)
    if given["callback"] == "backbone":
        callback = BackboneFinetuning(
            unfreeze_backbone_at_epoch=plan[0][1], train_bn=given["train_bn"] == "true"
        )
    folder = Path(given["out"]).with_suffix(".lightning")
    trainer = trainer_of(given["trainer"], sum(n for _, n in plan), folder, [callback, timing])
    trainer.fit(Classifier(network(given["material"], found)), train, val)
    timing.clock.report(given["out"], timing.losses, ("torch", "torchvision", "lightning"))


if __name__ == "__main__":
    main(sys.argv[1:])
