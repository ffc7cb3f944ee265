"""Three ways to the Frechet distance of two Gaussians, in one process.

    python -m scripts.bench.rows.frechet_ways size=512 case=flat repetitions=3 out=FILE

All ways run one after the other, again and again, every other time in the opposite order. `tlx` is what
a caller calls, with its checks; `scipy` the formula with the root of the product of the covariances;
`eigvals` the same by the eigenvalues of that product, as torchmetrics does it. Cases `flat` and `decaying`
begin at means and covariances of 4 D samples, `few` at 300 samples, whose covariances the other ways have to
make first.
"""

import json
import platform
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.linalg import sqrtm
from torch import Tensor

from scripts.bench.rows.clock import words
from tlx.functional.frechet import frechet_distance
from tlx.functional.gaussian import gaussian_of_moments

__all__ = ["CASES", "FEW", "Domain", "differences", "domains", "seconds", "ways"]

DEFAULTS = {"size": "512", "case": "flat", "repetitions": "3", "out": ""}
CASES = ("flat", "decaying", "few")
"""White features; features with standard deviations over two decades; few of these."""
FEW = 300
"""Samples of the last case."""

Way = Callable[[], float]


@dataclass(frozen=True)
class Domain:
    """Features of a domain and what was gathered of them.

    Args:
        features: Shape (N, D), float64.
        mean: Shape (D,); of few samples it has to be made.
        covariance: Shape (D, D); of few samples it has to be made.
    """

    features: Tensor
    mean: Tensor | None
    covariance: Tensor | None

    def moments(self) -> tuple[Tensor, Tensor]:
        """As they were gathered, or made now."""
        if self.mean is None or self.covariance is None:
            return self.features.mean(dim=0), torch.cov(self.features.T)
        return self.mean, self.covariance


def domains(size: int, case: str) -> tuple[Domain, Domain]:
    """Two domains of made-up features with means a tenth of a standard deviation apart.

    Args:
        size: D.
        case: One of `CASES`.
    """
    generator = torch.Generator().manual_seed(0)
    count = FEW if case == "few" else 4 * size

    def drawn(rows: int) -> Tensor:
        return torch.randn(rows, size, generator=generator, dtype=torch.float64)

    def domain(shift: float) -> Domain:
        features = drawn(count)
        if case != "flat":
            turned, _ = torch.linalg.qr(drawn(size))
            features = features * torch.logspace(0, -2, size, dtype=torch.float64) @ turned
        features = features + shift
        if case == "few":
            return Domain(features, None, None)
        return Domain(features, features.mean(dim=0), torch.cov(features.T))

    return domain(0.0), domain(0.1)


def ways(source: Domain, target: Domain) -> dict[str, Way]:
    """Every way by its name."""
    return {
        "tlx": lambda: through_tlx(source, target),
        "scipy": lambda: through_scipy(source, target),
        "eigvals": lambda: through_eigvals(source, target),
    }


def through_tlx(source: Domain, target: Domain) -> float:
    """As the documentation says: moments where there are any, else the features."""
    if source.mean is None or target.mean is None:
        return frechet_distance(source.features, target.features)
    return frechet_distance(gaussian_of_moments(*source.moments()), gaussian_of_moments(*target.moments()))


def through_scipy(source: Domain, target: Domain) -> float:
    """With the root of a matrix."""
    (first, a), (second, b) = ([part.numpy() for part in one.moments()] for one in (source, target))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few samples the product is singular, and it says so
        root = np.real(sqrtm(a @ b))
    return float(((first - second) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * np.trace(root))


def through_eigvals(source: Domain, target: Domain) -> float:
    """With the eigenvalues of a matrix that is not symmetric."""
    (first, a), (second, b) = source.moments(), target.moments()
    shared = torch.linalg.eigvals(a @ b).sqrt().real.sum()
    return float((first - second).square().sum() + a.trace() + b.trace() - 2 * shared)


def seconds(given: tuple[Domain, Domain], repetitions: int) -> dict[str, list[float]]:
    """CPU seconds of every way; a first round warms up and does not count."""
    found = ways(*given)
    taken = {name: list[float]() for name in found}
    for number in range(repetitions + 1):
        for name in list(found)[:: 1 if number % 2 else -1]:
            began = time.process_time()
            found[name]()
            taken[name].append(time.process_time() - began)
    return {name: values[1:] for name, values in taken.items()}


def differences(given: tuple[Domain, Domain]) -> dict[str, float]:
    """Of every way but scipy's: how far it is from that, relative."""
    values = {name: way() for name, way in ways(*given).items()}
    theirs = values.pop("scipy")
    return {name: abs(value / theirs - 1) for name, value in values.items()}


def main() -> None:
    """Read the words, measure, write."""
    given = words(sys.argv[1:], DEFAULTS)
    torch.set_num_threads(1)
    both = domains(int(given["size"]), given["case"])
    found: dict[str, Any] = {
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("torch", "numpy", "scipy")},
        "samples": len(both[0].features),
        "seconds": seconds(both, int(given["repetitions"])),
        "difference": differences(both),
    }
    Path(given["out"]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
