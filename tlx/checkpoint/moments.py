"""The mean and the covariance of training features that a bundle keeps."""

from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tlx.errors import CheckpointError

__all__ = ["Moments", "read_moments"]

FILE = "features.safetensors"


class Moments(NamedTuple):
    """Of the features of at most 10,000 training samples.

    Args:
        mean: Shape (D,).
        covariance: Shape (D, D).
        samples: How many; None of a bundle of before it was written down.
    """

    mean: Tensor
    covariance: Tensor
    samples: int | None


def read_moments(bundle: Path) -> Moments:
    """The moments that a bundle keeps.

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
    return Moments(mean, covariance, int(found["count"]) if "count" in found else None)
