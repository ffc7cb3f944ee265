"""The runs behind the plot: every method at every strength, and the words of its sweep."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.forgetting.points import NONE

__all__ = ["SEEDS", "STRENGTHS", "Material", "varied", "words"]

SEEDS = tuple(range(5))
STRENGTHS: dict[str, tuple[float, ...]] = {
    NONE: (),
    "l2sp": (0.01, 0.1, 1.0, 10.0, 100.0),
    "ewc": (1.0, 10.0, 100.0, 1e3, 1e4),
    "lwf": (1e-3, 0.01, 0.1, 1.0, 10.0),
    "replay": (1e-3, 0.01, 0.1, 1.0, 10.0),
}
"""Powers of ten, from where a method is not to be told from none to where what is learned suffers."""

SAMPLED = ("ewc", "lwf", "replay")
"""The methods that look at photos of the source."""


@dataclass(frozen=True)
class Material:
    """What every run reads.

    Args:
        learned: The folder of ants and bees, with `train` and `val` in it.
        known: The folder of photos of the source.
        halves: The folder with `protecting.csv` and `measuring.csv`.
        weights: The file of the weights.
        protecting: How many photos protect.
    """

    learned: Path
    known: Path
    halves: Path
    weights: Path
    protecting: int


def words(method: str, material: Material) -> list[str]:
    """What the runs of a method share. Every method may hold on to all photos that protect."""
    shared = [
        "experiment=ants_bees_forgetting",
        f"data.root={material.learned}",
        f"source.root={material.known}",
        f"source.train={material.halves / 'protecting.csv'}",
        f"source.val={material.halves / 'measuring.csv'}",
        f"model.weights={material.weights}",
        f"regularizer={method}",
    ]
    if method in SAMPLED:
        shared.append(f"regularizer.{method}.samples={material.protecting}")
    return shared


def varied(method: str, strengths: Sequence[float], seeds: Sequence[int]) -> list[str]:
    """What they do not.

    >>> varied("ewc", (1.0, 1e3), (0, 1)), varied("none", (), (0,))
    (['regularizer.ewc.strength=1,1000', 'seed=0,1'], ['seed=0'])
    """
    swept = [f"regularizer.{method}.strength={','.join(f'{s:g}' for s in strengths)}"] if strengths else []
    return [*swept, f"seed={','.join(map(str, seeds))}"]
