"""The CUDA devices, or why there are none."""

from pathlib import Path
from typing import Any

import torch

from tlx.inspection.finding import Finding
from tlx.report.formats import size

__all__ = ["devices"]

DRIVER = Path("/proc/driver/nvidia/version")


def devices(
    cuda: Any = torch.cuda, built_for: str | None = torch.version.cuda, driver: Path = DRIVER
) -> list[Finding]:
    """A finding per CUDA device, or one that says why nothing but the processor can be used.

    Args:
        cuda: What torch knows of them.
        built_for: The CUDA version that torch was built for; None: it was built without.
        driver: Exists where the machine has a driver for such devices.
    """
    if cuda.is_available():
        return [
            _described(cuda.get_device_properties(number), number) for number in range(cuda.device_count())
        ]
    if not driver.exists():
        return [Finding("ok", "no CUDA device; the processor computes")]
    if built_for is None:
        return [
            Finding(
                "warn",
                "this machine has a CUDA driver, and torch is built without CUDA",
                "pip install torch from an index with CUDA, see pytorch.org",
            )
        ]
    return [
        Finding(
            "bad",
            f"torch is built for CUDA {built_for} and cannot use this machine's driver or devices",
            "nvidia-smi, which says what the driver knows; a driver for that CUDA; CUDA_VISIBLE_DEVICES",
            device=True,
        )
    ]


def _described(device: Any, number: int) -> Finding:
    bfloat = "bf16" if device.major >= 8 else "no bf16, so trainer.precision=16-mixed"
    capability = f"capability {device.major}.{device.minor}"
    return Finding("ok", f"cuda:{number} {device.name}, {size(device.total_memory)}, {capability}, {bfloat}")
