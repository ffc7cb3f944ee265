"""Full fine-tuning on a CUDA GPU: tlx against a plain loop, images/s, share of the peak, peak memory.

    python -m scripts.bench.gpu --out scripts/bench/results/NAME.json

ResNet-50 and ViT-B/16 at 224 on synthetic JPEGs, bf16 and channels-last, with random weights; each side
a process of its own that reads the same files with the same number of loading processes. Images per second
leave out the first epoch. Without a CUDA GPU it says so and measures nothing.
"""

import argparse
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode
from torchvision import datasets, models, transforms

from scripts.bench.measure import commit

MODELS = ("resnet50", "vit_b_16")
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}
"""Dense bf16 operations per second by the makers' data sheets."""
BATCH, EPOCHS, CLASSES = 128, 4, 10


def main() -> int:
    """Run one side when told so, else both sides of every model."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=4096, help="how many synthetic JPEGs")
    parser.add_argument("--workers", type=int, default=8, help="processes that load")
    parser.add_argument("--work", type=Path, default=Path("runs/bench-gpu"))
    parser.add_argument("--compile", action="store_true", help="the plain loop as well under torch.compile")
    parser.add_argument("--side", nargs=2, metavar=("SIDE", "MODEL"), help="used by the script itself")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("there is no CUDA GPU here: nothing was measured")
        return 1
    if options.side:
        found = SIDES[options.side[0]](options.side[1], options)
        options.out.write_text(json.dumps(found))
        return 0
    _photos(options.work / "photos", options.photos)
    name = torch.cuda.get_device_name()
    result = {
        "date": datetime.now(UTC).date().isoformat(), "commit": commit(), "device": name,
        "versions": {"torch": torch.__version__}, "batch_size": BATCH, "epochs": EPOCHS,
        "photos": options.photos, "workers": options.workers, "runs": [],
    }  # fmt: skip
    for model in MODELS:
        for side in ("tlx", "plain", *(("compiled",) if options.compile else ())):
            out = options.work / f"{side}-{model}.json"
            command = [sys.executable, "-m", "scripts.bench.gpu", "--out", str(out), "--side", side, model]
            command += ["--workers", str(options.workers), "--work", str(options.work)]
            subprocess.run(command, check=True)
            entry = {"model": model, "side": side, **json.loads(out.read_text())}
            entry["share_of_peak"] = _share(entry, name)
            result["runs"].append(entry)
            print(entry, flush=True)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def plain(model: str, options: argparse.Namespace, compiled: bool = False) -> dict[str, Any]:
    """AdamW on the whole network, written by hand."""
    net: Any = models.get_model(model, weights=None, num_classes=CLASSES)
    net.cuda().to(memory_format=torch.channels_last)
    run = torch.compile(net) if compiled else net
    transform = transforms.Compose(
        [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()]
    )
    batches = DataLoader(
        datasets.ImageFolder(options.work / "photos" / "train", transform),
        BATCH, shuffle=True, num_workers=options.workers, pin_memory=True, persistent_workers=True,
    )  # fmt: skip
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    began, images = 0.0, 0
    for epoch in range(EPOCHS):
        if epoch == 1:
            torch.cuda.synchronize()
            began = time.perf_counter()
        for inputs, targets in batches:
            with torch.autocast("cuda", torch.bfloat16):
                outputs = run(inputs.cuda(non_blocking=True).contiguous(memory_format=torch.channels_last))
                loss = F.cross_entropy(outputs, targets.cuda(non_blocking=True))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            images += len(targets) if epoch else 0
    torch.cuda.synchronize()
    return {
        "images_per_second": images / (time.perf_counter() - began),
        "peak_memory": torch.cuda.max_memory_allocated(),
        "operations_per_image": operations(model),
    }


def through_tlx(model: str, options: argparse.Namespace) -> dict[str, Any]:
    """The same by `tlx fit`; the seconds are those between its rows of the log, less validation."""
    from tlx.api import fit
    from tlx.report.recorder import Recorder

    seconds, ended = list[float](), Recorder.on_train_epoch_end

    def noted(self: Recorder, *arguments: Any) -> None:
        ended(self, *arguments)
        self._stop_clock()
        seconds.append(self.seconds)

    Recorder.on_train_epoch_end = noted  # type: ignore[method-assign,assignment]  # of this process alone
    summary = fit(
        model=model, data="folder", strategy="full", model__weights=None, strategy__epochs=EPOCHS,
        data__root=str(options.work / "photos"), data__augment="none", data__batch_size=BATCH,
        data__num_workers=options.workers, trainer="gpu", trainer__precision="bf16-mixed",
        trainer__memory_format="channels_last", trainer__deterministic=False,
        run_dir=str(options.work / f"run-{model}-{time.time_ns()}"),
    )  # fmt: skip
    images = summary["train/samples"] * (EPOCHS - 1)
    return {
        "images_per_second": images / (seconds[-1] - seconds[0]),
        "peak_memory": torch.cuda.max_memory_allocated(),
        "operations_per_image": operations(model),
    }


def operations(model: str) -> float:
    """Operations of a training step for one image: three times those of the forward pass."""
    with torch.device("meta"):
        net, image = models.get_model(model, weights=None), torch.empty(1, 3, 224, 224)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(image)
    return float(3 * counter.get_total_flops())


def _share(entry: dict[str, Any], device: str) -> float | None:
    """Of the peak; None where the device is not in the table."""
    peak = next((value for key, value in PEAKS.items() if key in device), None)
    return None if peak is None else entry["images_per_second"] * entry["operations_per_image"] / peak


def _photos(folder: Path, count: int) -> None:
    """Noise of low frequency as JPEG, 500 x 375, in ten classes; a tenth more for validation."""
    draw = np.random.default_rng(0)
    for split, files in (("train", count), ("val", count // 10)):
        for number in range(files):
            place = folder / split / f"class{number % CLASSES}" / f"{number:06}.jpg"
            if not place.is_file():
                place.parent.mkdir(parents=True, exist_ok=True)
                small = draw.integers(0, 256, (24, 32, 3), dtype=np.uint8)
                Image.fromarray(small).resize((500, 375), Image.Resampling.BICUBIC).save(place, quality=90)


SIDES = {
    "plain": plain,
    "compiled": lambda model, options: plain(model, options, compiled=True),
    "tlx": through_tlx,
}

if __name__ == "__main__":
    sys.exit(main())
