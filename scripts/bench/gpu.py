"""Full fine-tuning on a CUDA GPU: tlx against a plain loop, images/s, share of the peak, peak memory.

    python -m scripts.bench.gpu --out scripts/bench/results/NAME.json

ResNet-50 and ViT-B/16 at 224 on synthetic JPEGs, bf16 and channels-last, with random weights; each side
a process of its own that reads the same files with the same number of loading processes, one repetition of
all of them after the other. Images per second leave out the first epoch; every reading of the clock waits for
the device. Without a CUDA GPU it says so and measures nothing, but for `--trial`: a few pictures on the
processor, which show that it runs and nothing more. timm's own training script is no side: no package
holds it, so it would have to be fetched with the sources of timm.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
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
from scripts.bench.ratios import paired

__all__ = ["table"]

MODELS = ("resnet50", "vit_b_16")
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}
"""Dense bf16 operations per second by the makers' data sheets."""
BATCH, EPOCHS, CLASSES = 128, 4, 10
TRIAL = {"models": ("squeezenet1_1",), "photos": 12, "workers": 0, "batch": 4, "epochs": 2}


def main() -> int:
    """Run one side when told so, else all sides of every model in turn."""
    options = _options()
    if not (torch.cuda.is_available() or options.trial):
        print("there is no CUDA GPU here: nothing was measured")
        return 1
    if options.side:
        found = SIDES[options.side[0]](options.side[1], options)
        options.out.write_text(json.dumps(found))
        return 0
    _photos(options.work / "photos", options.photos)
    name = "none, a trial" if options.trial else torch.cuda.get_device_name()
    result = {
        "date": datetime.now(UTC).date().isoformat(), "commit": commit(), "device": name,
        "versions": {"torch": torch.__version__}, "batch_size": options.batch, "epochs": options.epochs,
        "photos": options.photos, "workers": options.workers, "runs": [],
    }  # fmt: skip
    sides = ("tlx", "plain", *(("compiled",) if options.compile else ()))
    for repetition in range(options.repetitions):
        for model in options.models:
            for side in sides:
                entry = {"model": model, "side": side, "repetition": repetition} | _run(side, model, options)
                entry["share_of_peak"] = _share(entry, name)
                result["runs"].append(entry)
                print(entry, flush=True)
                options.out.parent.mkdir(parents=True, exist_ok=True)
                options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=4096, help="how many synthetic JPEGs")
    parser.add_argument("--workers", type=int, default=8, help="processes that load")
    parser.add_argument("--repetitions", type=int, default=5, help="of every side")
    parser.add_argument("--work", type=Path, default=Path("runs/bench-gpu"))
    parser.add_argument("--compile", action="store_true", help="the plain loop as well under torch.compile")
    parser.add_argument("--trial", action="store_true", help="on the processor, to see that it runs")
    parser.add_argument("--side", nargs=2, metavar=("SIDE", "MODEL"), help="used by the script itself")
    options = parser.parse_args()
    options.models, options.batch, options.epochs = MODELS, BATCH, EPOCHS
    vars(options).update(TRIAL if options.trial else {})
    options.device = torch.device("cpu" if options.trial else "cuda")
    return options


def _run(side: str, model: str, options: argparse.Namespace) -> dict[str, Any]:
    """What a side says of itself, run in a process of its own."""
    out = options.work / f"{side}-{model}.json"
    command = [sys.executable, "-m", "scripts.bench.gpu", "--out", str(out), "--side", side, model]
    command += ["--workers", str(options.workers), "--work", str(options.work)]
    subprocess.run([*command, *(["--trial"] if options.trial else [])], check=True)
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def table(result: dict[str, Any]) -> str:
    """Images per second of every side, as Markdown, and how many times those of tlx a side has.

    Args:
        result: The content of a result file.
    """
    lines = [
        "| model | side | repetitions | images/s | times tlx | share of the peak | memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for model, side in dict.fromkeys((run["model"], run["side"]) for run in result["runs"]):
        runs = [run for run in result["runs"] if (run["model"], run["side"]) == (model, side)]
        speed = {run["repetition"]: run["images_per_second"] for run in runs}
        tlx = {
            run["repetition"]: run["images_per_second"]
            for run in result["runs"]
            if (run["model"], run["side"]) == (model, "tlx")
        }
        shares = [run["share_of_peak"] for run in runs if run["share_of_peak"] is not None]
        cells = [
            model,
            f"**{side}**" if side == "tlx" else side,
            str(len(runs)),
            f"{sum(speed.values()) / len(speed):.1f}",
            "" if side == "tlx" else str(paired(speed, tlx) or ""),
            f"{sum(shares) / len(shares):.0%}" if shares else "",
            f"{max(run['peak_memory'] for run in runs) / 2**30:.1f} GiB",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def moment(device: torch.device) -> float:
    """Seconds, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def plain(model: str, options: argparse.Namespace, compiled: bool = False) -> dict[str, Any]:
    """AdamW on the whole network, written by hand."""
    device = options.device
    net: Any = models.get_model(model, weights=None, num_classes=CLASSES)
    net.to(device).to(memory_format=torch.channels_last)
    run = torch.compile(net) if compiled else net
    transform = transforms.Compose(
        [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()]
    )
    batches = DataLoader(
        datasets.ImageFolder(options.work / "photos" / "train", transform),
        options.batch, shuffle=True, num_workers=options.workers, pin_memory=device.type == "cuda",
        persistent_workers=options.workers > 0,
    )  # fmt: skip
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    began, images = 0.0, 0
    for epoch in range(options.epochs):
        if epoch == 1:
            began = moment(device)
        for inputs, targets in batches:
            with torch.autocast(device.type, torch.bfloat16):
                inputs = inputs.to(device, non_blocking=True)
                outputs = run(inputs.contiguous(memory_format=torch.channels_last))
                loss = F.cross_entropy(outputs, targets.to(device, non_blocking=True))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            images += len(targets) if epoch else 0
    return _found(model, images / (moment(device) - began), device)


def through_tlx(model: str, options: argparse.Namespace) -> dict[str, Any]:
    """The same by `tlx fit`; the seconds are those between its rows of the log, less validation."""
    from tlx.api import fit
    from tlx.report.recorder import Recorder

    seconds, device = list[float](), options.device

    def waiting(hook: Callable[..., None]) -> Callable[..., None]:
        """Training and validation are told apart where the device is done with either."""

        @wraps(hook)
        def waited(*arguments: Any) -> None:
            moment(device)
            hook(*arguments)

        return waited

    def noted(hook: Callable[..., None]) -> Callable[..., None]:
        @wraps(hook)
        def ended(recorder: Recorder, *arguments: Any) -> None:
            hook(recorder, *arguments)
            recorder._stop_clock()
            seconds.append(recorder.seconds)

        return ended

    for name in ("on_train_start", "on_validation_start", "on_validation_end", "on_train_epoch_end"):
        hook = waiting(getattr(Recorder, name))
        setattr(
            Recorder, name, noted(hook) if name == "on_train_epoch_end" else hook
        )  # of this process alone
    summary = fit(
        model=model, data="folder", strategy="full", model__weights=None, strategy__epochs=options.epochs,
        data__root=str(options.work / "photos"), data__augment="none", data__batch_size=options.batch,
        data__num_workers=options.workers, trainer="cpu" if device.type == "cpu" else "gpu",
        trainer__precision="bf16-mixed", trainer__memory_format="channels_last",
        trainer__deterministic=False, run_dir=str(options.work / f"run-{model}-{time.time_ns()}"),
    )  # fmt: skip
    images = summary["train/samples"] * (options.epochs - 1)
    return _found(model, images / (seconds[-1] - seconds[0]), device)


def _found(model: str, speed: float, device: torch.device) -> dict[str, Any]:
    """What a side says of itself."""
    return {
        "images_per_second": speed,
        "peak_memory": torch.cuda.max_memory_allocated() if device.type == "cuda" else 0,
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
