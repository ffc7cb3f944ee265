"""A short run over a small member of every family."""

import csv
import functools
from pathlib import Path
from typing import Any

import torch

from tests.backbones.families import FAMILIES
from tests.faults.jobs import MadeUp
from tlx.data.datamodule import TransferData
from tlx.data.text_csv import TextCSV
from tlx.heads.linear import Linear
from tlx.job import Job
from tlx.plan import Plan
from tlx.strategies.gradual_unfreezing import gradual_unfreezing
from tlx.trainer import TrainerSettings


def texts(folder: Path) -> TextCSV:
    for name, count in (("train", 18), ("val", 6)):
        with (folder / f"{name}.csv").open("w") as file:
            rows = csv.writer(file)
            rows.writerow(["text", "label"])
            words = ("dull", "fine", "good")
            rows.writerows(
                [f"{words[i % 3]} film{' and long' * (i // 3)}", words[i % 3]] for i in range(count)
            )
    return TextCSV(str(folder), duplicates="ignore")


def family_job(
    family: str, folder: Path, optimizer: Any = torch.optim.AdamW, augment: str = "auto", **more: Any
) -> Job:
    """Two phases over a small member of a family: the head, then the upper half."""
    folder.mkdir(exist_ok=True)
    backbone = FAMILIES[family](folder)
    source = MadeUp(train=18, val=6, test=3) if backbone.preprocessing.kind == "image" else texts(folder)
    half = (len(backbone.stages) + 1) // 2
    return Job(
        backbone=backbone,
        head=functools.partial(Linear, dropout=0.3),
        head_recipe={"_target_": "tlx.heads.linear.Linear", "dropout": 0.3},
        data=TransferData(source, batch_size=8, eval_batch_size=8, num_workers=0, seed=0, augment=augment),
        strategy=lambda stages: limited(gradual_unfreezing(stages, stages_per_phase=half, head_epochs=1)),
        optimizer=optimizer,
        trainer=TrainerSettings(accelerator="cpu", limit_epochs=1),
        seed=0,
        monitor="val/accuracy",
        names={"model": family, "data": "made up", "strategy": "two phases"},
        **more,
    )


def limited(plan: Plan) -> Plan:
    return Plan(plan.stages, plan.phases[:2])
