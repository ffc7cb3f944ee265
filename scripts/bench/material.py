"""What all rows share, written once: photos in classes, random weights, a first head, an order."""

import shutil
from pathlib import Path
from typing import Any

import torch
from torchvision import models

from tlx.api import compose
from tlx.assembly import build_network
from tlx.composition.job import make_job
from tlx.data.order import EpochBatches

__all__ = ["EPOCHS", "SUFFIXES", "divided", "write"]

SUFFIXES = (".jpg", ".jpeg", ".png")
EPOCHS = 15
"""The most epochs that any case trains."""
CLASSES, VAL = 10, 5


def divided(photos: list[Path], count: int) -> dict[str, list[Path]]:
    """Photos by the place they are copied to: ten classes of neighbours, every fifth for validation.

    >>> found = divided([Path(f"{n:02}.jpg") for n in range(60)], 50)
    >>> {split: len(files) for split, files in found.items()}
    {'train': 40, 'val': 10}

    Args:
        photos: All there are.
        count: How many to take.

    Raises:
        SystemExit: There are fewer, or too few for ten classes.
    """
    if len(photos) < count or count < CLASSES * VAL:
        raise SystemExit(
            f"{len(photos)} photos found, {count} asked for; at least {CLASSES * VAL} are needed"
        )
    found: dict[str, list[Path]] = {"train": [], "val": []}
    for number, photo in enumerate(sorted(photos)[:count]):
        found["val" if number % VAL == 0 else "train"].append(photo)
    return found


def write(photos: Path, count: int, seed: int, folder: Path) -> dict[str, Any]:
    """Write the material of a benchmark.

    Args:
        photos: A folder with photos at any depth.
        count: How many of them to take.
        seed: Of the weights, the head and the order.
        folder: Where to write.

    Returns:
        What there is, as plain values.
    """
    found = divided([path for path in photos.rglob("*") if path.suffix.lower() in SUFFIXES], count)
    size = 0
    shutil.rmtree(folder / "photos", ignore_errors=True)
    for split, files in found.items():
        for number, photo in enumerate(files):
            place = folder / "photos" / split / f"class{number * CLASSES // len(files)}"
            place.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(photo, place / f"{number:06}{photo.suffix.lower()}")
            size += photo.stat().st_size
    torch.manual_seed(seed)
    torch.save(models.resnet18(weights=None).state_dict(), folder / "resnet18.pth")
    _write_start(folder, seed)
    return {
        "photos": count,
        "train": len(found["train"]),
        "val": len(found["val"]),
        "classes": CLASSES,
        "mean_bytes": round(size / count),
        "seed": seed,
    }


def _write_start(folder: Path, seed: int) -> None:
    """The head that tlx starts from and the batches that it reads, for loops that shall compute the same."""
    words = [
        "model=resnet18", f"model.weights={folder / 'resnet18.pth'}",
        "data=folder", f"data.root={folder / 'photos'}", f"seed={seed}",
    ]  # fmt: skip
    job = make_job(compose("fit", words))
    splits, at = job.data.splits, [0]
    batches = EpochBatches(len(splits.train), job.data.batch_size, seed, position=lambda: at[0])
    order = []
    for epoch in range(EPOCHS):
        at[0] = epoch * len(batches)
        order.append([[index for _, index in batch] for batch in batches])
    root = folder / "photos"
    parts = {
        name: {
            "names": [str(Path(split.name(i)).relative_to(root)) for i in range(len(split))],
            "labels": [int(label) for label in split.labels],
        }
        for name, split in (("train", splits.train), ("val", splits.val))
    }
    head = {
        name.removeprefix("linear."): tensor.clone()
        for name, tensor in build_network(job).head.state_dict().items()
    }
    torch.save({**parts, "head": head, "order": order, "classes": len(splits.classes)}, folder / "start.pt")
