"""The mean and the covariance of training features that a bundle keeps."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tlx.errors import CheckpointError

__all__ = ["read_moments"]

FILE = "features.safetensors"


def read_moments(bundle: Path) -> tuple[Tensor, Tensor]:
    """Mean, shape (D,), and covariance, shape (D, D), of at most 10,000 training samples' features.

    Args:
        bundle: A run directory, or a bundle.

    Raises:
        CheckpointError: The file is missing, or damaged.
    """
    folder = bundle / "bundle" if (bundle / "bundle").is_dir() else bundle
    path = folder / FILE
    if not path.is_file():
        raise CheckpointError(
            f"there is no {FILE}", where=str(folder), fix="a finished run, or a whole copy of its bundle"
        )
    try:
        found = load_file(path)
        mean, covariance = found["mean"], found["covariance"]
    except (SafetensorError, KeyError, OSError, ValueError) as error:
        raise CheckpointError(f"{FILE} cannot be read ({error})", where=str(folder)) from error
    return mean, covariance
