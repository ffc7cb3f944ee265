"""finetuning-scheduler on top of Lightning.

    python -m scripts.bench.rows.through_scheduler material=DIR phases=head:5 out=FILE

`schedule=own` lets it make its schedule, which thaws two tensors at a time when the validation loss
stands still; `schedule=given` hands it the phases.
"""

import sys
from pathlib import Path
from typing import Any

from finetuning_scheduler import FinetuningScheduler

from scripts.bench.rows.classifier import Classifier, Timing, trainer_of
from scripts.bench.rows.clock import words
from scripts.bench.rows.photos import loaders, network, phases, start

DEFAULTS = {"material": "", "phases": "head:5", "schedule": "own", "trainer": "default", "out": ""}


def schedule(plan: list[tuple[str, int]]) -> dict[int, dict[str, Any]]:
    """The phases in the scheduler's words.

    >>> schedule([("head", 5), ("layer4", 2)])[1]
    {'params': ['backbone.layer4.*'], 'max_transition_epoch': 7, 'lr': 0.0001}
    """
    made, end = dict[int, dict[str, Any]](), 0
    for number, (name, epochs) in enumerate(plan):
        end += epochs
        made[number] = {
            "params": ["head.*" if name == "head" else f"backbone.{name}.*"],
            "max_transition_epoch": end,
            **({"lr": 1e-4} if number else {}),
        }
    return made


def main(argv: list[str]) -> None:
    """Train and report."""
    given = words(argv, DEFAULTS)
    found, plan = start(given["material"]), phases(given["phases"])
    train, val = loaders(given["material"], found, shuffled=True)
    timing = Timing()
    callback = FinetuningScheduler()
    if given["schedule"] == "given":
        callback = FinetuningScheduler(
            ft_schedule=schedule(plan), epoch_transitions_only=True, restore_best=False
        )
    folder = Path(given["out"]).with_suffix(".scheduler")
    trainer = trainer_of(given["trainer"], sum(n for _, n in plan), folder, [callback, timing])
    trainer.fit(Classifier(network(given["material"], found)), train, val)
    packages = ("torch", "torchvision", "lightning", "finetuning-scheduler")
    timing.clock.report(given["out"], timing.losses, packages)


if __name__ == "__main__":
    main(sys.argv[1:])
