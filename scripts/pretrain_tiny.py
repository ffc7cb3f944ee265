"""Pre-train the built-in backbone `tiny` on Omniglot, and write its weights and card.

    python scripts/pretrain_tiny.py omniglot.tar --out tlx/backbones/weights

takes the archive, or the folder it was unpacked to, with `background_small1` and
`background_small2` and in them a folder per character. Writes `tiny_omniglot.safetensors`,
`tiny_omniglot_features.safetensors` and the card `tiny_omniglot.json`; the figures of
transfer are added by `scripts/tiny_transfer.py`.
"""

import argparse
import hashlib
import json
import tarfile
import time
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from tlx.backbones.staged import StagedBackbone
from tlx.backbones.tiny import FEATURES, SIZE, tiny
from tlx.errors import DataError, TlxError
from tlx.plan import rate_factor

CANVAS = 64  # side of the square a drawing's box of ink is fitted into, in pixels
INK = 52  # longer side of the ink on it
HELD_OUT = (17, 18, 19, 20)  # drawings of each character that do not train
PENS = (1, 3, 5, 5, 7)  # widths of the square that thickens a stroke, in pixels of the canvas
SIDES = (8, 8, 8, 10, 12, 16, 24, 32)  # side of the picture before it is enlarged to 32
VIEWS = ((1, 32), (3, 32), (5, 8))  # pens and sides that the held-out drawings are shown with
LICENCE = "MIT, Lake, Salakhutdinov and Tenenbaum 2015, https://github.com/brendenlake/omniglot"


class Drawings(NamedTuple):
    """Drawings of characters, bright on dark."""

    pictures: Tensor  # (N, 1, CANVAS, CANVAS), values in [0, 1]
    targets: Tensor  # (N,)
    numbers: Tensor  # (N,) which of a character's 20 drawings, from 1
    classes: tuple[str, ...]

    def where(self, chosen: Tensor) -> "Drawings":
        """Those where `chosen`, shape (N,), is true."""
        return Drawings(self.pictures[chosen], self.targets[chosen], self.numbers[chosen], self.classes)


def main() -> None:
    """Read the arguments, train, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("omniglot", type=Path, help="the archive, or the folder it was unpacked to")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and the card")
    parser.add_argument("--epochs", type=int, default=55)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rate", type=float, default=4e-3, help="peak rate of AdamW")
    parser.add_argument("--weight-decay", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="more change the sums, and so the weights")
    parser.add_argument("--precision", choices=("bf16", "fp32"), default="bf16", help="of the convolutions")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    everything = read(options.omniglot)
    held_out = torch.isin(everything.numbers, torch.tensor(HELD_OUT))
    backbone, head = tiny(None), nn.Linear(FEATURES, len(everything.classes))
    started = time.process_time()
    train(backbone, head, everything.where(~held_out), options)
    minutes = (time.process_time() - started) / 60
    write(backbone, head, everything.where(held_out), options, minutes)


def read(path: Path) -> Drawings:
    """Every character of both background sets, each once.

    Raises:
        DataError: There is no such file or folder, or it holds no characters.
    """
    files = dict(_archived(path) if path.is_file() else _unpacked(path))
    if not files:
        raise DataError(f"no background_small*/ALPHABET__CHARACTER/*.png in {str(path)!r}")
    classes = tuple(sorted({character for character, _ in files}))
    keys = sorted(files)
    return Drawings(
        torch.stack([_on_canvas(files[key]) for key in keys]),
        torch.tensor([classes.index(character) for character, _ in keys]),
        torch.tensor([number for _, number in keys]),
        classes,
    )


def _key(name: str) -> tuple[str, int] | None:
    parts = Path(name).parts
    if len(parts) < 3 or not parts[-3].startswith("background_small") or not name.endswith(".png"):
        return None
    return parts[-2], int(Path(name).stem.rpartition("_")[2])


def _archived(path: Path) -> list[tuple[tuple[str, int], bytes]]:
    with tarfile.open(path) as archive:
        members = [(key, m) for m in archive.getmembers() if m.isfile() and (key := _key(m.name))]
        return [(key, f.read()) for key, m in members if (f := archive.extractfile(m)) is not None]


def _unpacked(path: Path) -> list[tuple[tuple[str, int], bytes]]:
    return [(key, file.read_bytes()) for file in path.rglob("*.png") if (key := _key(file.as_posix()))]


def _on_canvas(content: bytes) -> Tensor:
    ink = 255 - np.asarray(Image.open(BytesIO(content)).convert("L"))
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    cut = Image.fromarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    share = INK / max(cut.size)
    cut = cut.resize((max(round(cut.width * share), 1), max(round(cut.height * share), 1)))
    canvas = Image.new("L", (CANVAS, CANVAS))
    canvas.paste(cut, ((CANVAS - cut.width) // 2, (CANVAS - cut.height) // 2))
    return torch.from_numpy(np.array(canvas))[None] / 255


def thickened(pictures: Tensor, pen: int) -> Tensor:
    """Strokes wider by `pen` - 1 pixels, shape (B, 1, CANVAS, CANVAS)."""
    return F.max_pool2d(pictures, pen, stride=1, padding=pen // 2)


def shown(pictures: Tensor, side: int) -> Tensor:
    """What a scan of `side` pixels enlarged to 32 shows, shape (B, 1, 32, 32)."""
    small = F.interpolate(pictures, (side, side), mode="area")
    return F.interpolate(small, (SIZE, SIZE), mode="bilinear", align_corners=False)


def varied(pictures: Tensor, generator: Generator) -> Tensor:
    """Random hands, pens and scanners, shape (B, 1, 32, 32), values in [0, 1]."""
    pens = _dealt(len(pictures), PENS, generator)
    wide = torch.empty_like(pictures)
    for pen in set(PENS):
        wide[pens == pen] = thickened(pictures[pens == pen], pen)
    bent = F.grid_sample(wide, _grid(len(pictures), generator), align_corners=False)
    sides = _dealt(len(pictures), SIDES, generator)
    seen = bent.new_empty(len(pictures), 1, SIZE, SIZE)
    for side in set(SIDES):
        if (sides == side).any():
            seen[sides == side] = shown(bent[sides == side], side)
    gain = _uniform((len(pictures), 1, 1, 1), 0.8, 1.5, generator)
    noise = torch.randn(seen.shape, generator=generator) * _uniform(gain.shape, 0.0, 0.06, generator)
    return (seen * gain + noise).clamp(0, 1)


def _dealt(count: int, values: tuple[int, ...], generator: Generator) -> Tensor:
    return torch.tensor(values)[torch.randint(len(values), (count,), generator=generator)]


def _uniform(shape: tuple[int, ...], low: float, high: float, generator: Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)


def _grid(count: int, generator: Generator) -> Tensor:
    """Where each pixel is taken from: a random affine map and a smooth random bend."""
    angle = _uniform((count,), -0.35, 0.35, generator)  # radians
    shear = _uniform((count,), -0.35, 0.35, generator)
    size = _uniform((count,), 0.78, 1.15, generator)
    across, along = size * _uniform((count,), 0.85, 1.5, generator), size
    shift = _uniform((count, 2, 1), -0.12, 0.12, generator)
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
    stretch = torch.stack([torch.stack([across, shear], 1), torch.stack([shear * 0, along], 1)], 1)
    grid = F.affine_grid(
        torch.cat([turn @ stretch, shift], 2), [count, 1, CANVAS, CANVAS], align_corners=False
    )
    bend = torch.randn((count, 2, 4, 4), generator=generator) * _uniform((count, 1, 1, 1), 0, 0.09, generator)
    smooth = F.interpolate(bend, (CANVAS, CANVAS), mode="bicubic", align_corners=True)
    return grid + smooth.permute(0, 2, 3, 1)


def normalised(pictures: Tensor, backbone: StagedBackbone) -> Tensor:
    """As the backbone's own preprocessing does, from values in [0, 1]."""
    stated = backbone.preprocessing.describe()
    mean, std = float(stated["mean"][0]), float(stated["std"][0])
    return (pictures - mean) / std


def train(backbone: StagedBackbone, head: nn.Linear, drawings: Drawings, options: argparse.Namespace) -> None:
    """AdamW with one cycle of the rate, over every character at once."""
    generator = Generator().manual_seed(options.seed)
    parameters = [*backbone.parameters(), *head.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": options.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=options.rate)
    per_epoch = len(drawings.targets) // options.batch_size
    backbone.to(memory_format=torch.channels_last).train()
    for epoch in range(options.epochs):
        order, right, total = torch.randperm(len(drawings.targets), generator=generator), 0, 0.0
        for step in range(per_epoch):
            chosen = order[step * options.batch_size : (step + 1) * options.batch_size]
            pictures = normalised(varied(drawings.pictures[chosen], generator), backbone)
            now = epoch * per_epoch + step
            for group in optimizer.param_groups:
                group["lr"] = options.rate * rate_factor("one_cycle", now, options.epochs * per_epoch)
            with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16"):
                features = backbone(pictures)
            logits = head(features.float())
            loss = F.cross_entropy(logits, drawings.targets[chosen])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            right += int((logits.argmax(1) == drawings.targets[chosen]).sum())
            total += loss.item()
        seen = per_epoch * options.batch_size
        said = f"loss {total / per_epoch:.3f}  accuracy {right / seen:.3f}"
        print(f"epoch {epoch + 1}/{options.epochs}  {said}", flush=True)


@torch.no_grad()
def features_of(backbone: StagedBackbone, drawings: Drawings, pen: int, side: int) -> Tensor:
    """Features of drawings shown one way, shape (N, D)."""
    pictures = normalised(shown(thickened(drawings.pictures, pen), side), backbone)
    return torch.cat([backbone.eval()(part) for part in torch.split(pictures, 256)])


@torch.no_grad()
def write(
    backbone: StagedBackbone, head: nn.Linear, held_out: Drawings, options: argparse.Namespace, minutes: float
) -> None:
    """Weights, feature statistics of the held-out drawings, and the card."""
    backbone.to(memory_format=torch.contiguous_format)
    options.out.mkdir(parents=True, exist_ok=True)
    weights = options.out / "tiny_omniglot.safetensors"
    statistics = options.out / "tiny_omniglot_features.safetensors"
    tensors = {f"net.{k}": v.contiguous() for k, v in backbone.net.state_dict().items()}
    weights.write_bytes(save(tensors | {f"head.{k}": v for k, v in head.state_dict().items()}))
    views = {f"pen {pen}, {side} px": features_of(backbone, held_out, pen, side) for pen, side in VIEWS}
    values = torch.cat(list(views.values())).double()
    statistics.write_bytes(save({"mean": values.mean(0), "covariance": values.T.cov()}))
    accuracies = {k: _accuracy(head(v), held_out.targets) for k, v in views.items()}
    card = {
        "name": "tiny_omniglot",
        "source": "Omniglot, background_small1 and background_small2, every character once",
        "licence": LICENCE,
        "recipe": {
            "optimizer": "AdamW, one cycle, cross entropy",
            "epochs": options.epochs,
            "batch_size": options.batch_size,
            "rate": options.rate,
            "weight_decay": options.weight_decay,
            "precision": options.precision,
            "threads": options.threads,
            "varied": "turn, shear, size, bend, stroke width, resolution of 8 to 32 px, contrast, noise",
        },
        "seed": options.seed,
        "core_minutes": round(minutes, 1),
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {"torch": torch.__version__.partition("+")[0]},
        "parameters": sum(p.numel() for p in backbone.net.parameters()),
        "held_out": {"drawings": list(HELD_OUT), "samples": len(held_out.targets)},
        "source_accuracy": accuracies,
        "preprocessing": backbone.preprocessing.describe(),
        "sha256": {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in (weights, statistics)},
        "classes": list(held_out.classes),
    }
    (options.out / "tiny_omniglot.json").write_text(json.dumps(card, indent=1) + "\n", "utf-8")
    print(f"held-out accuracy {accuracies}, {minutes:.1f} minutes of a core, {weights.stat().st_size} bytes")


def _accuracy(logits: Tensor, targets: Tensor) -> float:
    return round(float((logits.argmax(1) == targets).double().mean()), 4)


if __name__ == "__main__":
    try:
        main()
    except TlxError as error:
        raise SystemExit(error.line()) from error
