"""What a run forgot of what its weights knew, for its page."""

from typing import Any

from tlx.report.formats import FIXED_SPACE, MISSING, count, finite, percent, points
from tlx.report.run_files import RunFiles

__all__ = ["forgotten"]


def forgotten(files: RunFiles) -> dict[str, Any] | None:
    """The accuracy on original classes before and after, and in words what lies between; None: no source."""
    given = files.summary
    values = {name: finite(given.get(f"source/{name}")) for name in ("accuracy_before", "accuracy_after")}
    lost = finite(given.get("source/forgetting"))
    if lost is None or None in values.values():
        return None
    bounds = finite(given.get("source/forgetting_low")), finite(given.get("source/forgetting_high"))
    known = (bounds[0], bounds[1]) if bounds[0] is not None and bounds[1] is not None else None
    return {
        "cells": [
            ("Samples", count(given.get("source/samples"))),
            ("Accuracy before", percent(values["accuracy_before"])),
            ("Accuracy after", percent(values["accuracy_after"])),
            ("Forgetting", points(lost)),
            ("95 % interval", MISSING if known is None else f"{_bare(known[0])} to {points(known[1])}"),
        ],
        "source": str(given.get("source/data") or ""),
        "split": str(given.get("source/split") or ""),
        "held_on_by": _held_on_by(files),
        "verdict": _verdict(known),
        "samples": _samples(given.get("source/samples"), given.get("source/samples_seen")),
    }


def _held_on_by(files: RunFiles) -> str:
    chosen = ", ".join(_chosen(files))
    told = files.summary.get("source/held_on_by")  # runs of before have none
    held = ", ".join(str(each) for each in told) if isinstance(told, list) else chosen
    if chosen and not held:
        return (
            f"nothing, although {chosen} was chosen: nothing trains that begins with values that were known"
        )
    return held or "nothing but what stayed frozen"


def _chosen(files: RunFiles) -> list[str]:
    nodes = files.settings.get("regularizer")
    if not isinstance(nodes, dict):
        return []
    return [
        f"{name} at strength {node['strength']:g}" if isinstance(node, dict) and "strength" in node else name
        for name, node in nodes.items()
    ]


def _samples(measured: Any, seen: Any) -> str:
    """What is known of the measured samples beside that both accuracies are of them."""
    if seen is None:
        return "whether the data holds them too is not known"
    if not seen:
        return "of which nothing was made"
    both = f"{count(seen)} of these {count(measured)}"
    return f"{both} are in train or val of the data too, so something was made of them"


def _bare(share: float) -> str:
    return points(share).partition(FIXED_SPACE)[0]


def _verdict(bounds: tuple[float, float] | None) -> str:
    if bounds is None:
        return "There is no interval, so nothing is said of chance."
    if bounds[0] > 0:
        return "More was lost than chance explains."
    if bounds[1] < 0:
        return "The original classes are told apart better than before."
    return "No loss is shown: the interval holds zero."
