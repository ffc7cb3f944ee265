"""Whether a run that is finished still has all that a finished run holds."""

import hashlib
from pathlib import Path

from tlx.errors import CheckpointError
from tlx.run.directory import read_json, shown

__all__ = ["check_concludable", "lacking"]

FEATURES = "features.safetensors"
WEIGHTS = "model.safetensors"


def lacking(run: Path, weights: bool = True) -> str:
    """What a finished run lacks, or has damaged, for people; empty where all is there.

    Args:
        run: Its directory.
        weights: Whether the hash of the bundle's weights is compared, which reads all of them.
    """
    bundle = run / "bundle"
    try:
        for path in (run / "summary.json", run / "evaluation.json"):
            read_json(path)
        digest = read_json(bundle / "bundle.json").get("weights_sha256")
    except CheckpointError as error:
        return error.what
    missing = next((bundle / name for name in (WEIGHTS, FEATURES) if not (bundle / name).is_file()), None)
    if missing is not None:
        return f"there is no {missing.name} in {shown(bundle)}"
    if not weights:
        return ""
    with (bundle / WEIGHTS).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()  # file_hash of checkpoint would load torch
    return "" if found == digest else f"{shown(bundle / WEIGHTS)} is damaged: its SHA-256 is another"


def check_concludable(run: Path, lacks: str) -> None:
    """Refuse to make again what a finished run lacks where there is nothing to make it of.

    Raises:
        CheckpointError: The run has no checkpoint.
    """
    if not any((run / "checkpoints").glob("*.ckpt")):
        raise CheckpointError(
            f"{lacks}, and there is no checkpoint to make it of", fix="a copy of the run, or a new one"
        )
