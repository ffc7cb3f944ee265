"""What the trade-off is measured on, small and made up: photos, photos of a source, weights with a head."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.models import squeezenet1_1

SIDE = 32
KNOWN = 6


def write_material(root: Path) -> Path:
    """Folders `photos` and `known`, and `weights.pth`."""
    draw = np.random.default_rng(0)
    places = [f"photos/{split}/{name}" for split in ("train", "val") for name in ("ants", "bees")]
    for place in [*places, *(f"known/{number:04d}_n{number}" for number in range(KNOWN))]:
        (root / place).mkdir(parents=True)
        for number in range(6 if place.startswith("photos") else 2):
            pixels = draw.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / place / f"{number}.png")
    torch.manual_seed(0)
    torch.save(squeezenet1_1(weights=None).state_dict(), root / "weights.pth")
    return root
