"""A result file, small and made up."""

from typing import Any


def run(method: str, strength: float | None, seed: int, target: float, source: float) -> dict[str, Any]:
    return {
        "method": method,
        "strength": strength,
        "seed": seed,
        "target": target,
        "source": source,
        "source_before": 0.4,
    }


def made_up() -> dict[str, Any]:
    """Two seeds of `none`, two strengths of `ewc`, of which the strong one has a seed more."""
    return {
        "date": "2026-01-02",
        "source": {"protecting": 500, "measuring": 490},
        "samples": {"train": 195, "val": 49, "test": 153},
        "settings": {"model": "squeezenet1_1", "image size": 128},
        "versions": {"torch": "2.15.0", "python": "3.11.7"},
        "failed": [],
        "runs": [
            run("none", None, 0, 0.80, 0.10),
            run("none", None, 1, 0.84, 0.14),
            run("ewc", 1000.0, 1, 0.85, 0.38),
            run("ewc", 1000.0, 0, 0.83, 0.36),
            run("ewc", 1000.0, 2, 0.90, 0.37),
            run("ewc", 10.0, 0, 0.82, 0.20),
        ],
    }
