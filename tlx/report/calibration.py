"""How far the certainty of a network can be trusted, before a temperature and with it, for the page."""

from typing import Any

from tlx.report.diagrams import reliability
from tlx.report.evaluation import Calibrated, SplitScores, Temperature
from tlx.report.formats import count, decimal, figure

__all__ = ["calibration", "temperature_fact"]

UNTOLD = {
    "low": "its probabilities stay as they are: the lower the temperature, the likelier were the {samples} "
    "validation samples, as where all of them are told right, so they do not say how sure is too sure.",
    "flat": "its probabilities stay as they are: to each of the {samples} validation samples it gave equal "
    "outputs for all classes, which no temperature changes.",
    "none": "its probabilities stay as they are: its outputs for the {samples} validation samples are not "
    "all finite.",
}
"""Why there is a temperature of 1, by how the fit ended."""


def calibration(scores: SplitScores, what: str = "samples") -> dict[str, Any]:
    """The diagrams of one split and what is said of them.

    A temperature is shown at work on samples that it was not fitted on alone.

    Args:
        scores: Of a split whose outputs are probabilities.
        what: What is counted: samples, or answers where a sample has several.
    """
    temperature, calibrated = scores.temperature, scores.calibrated
    found: dict[str, Any] = {
        "reliability": reliability(scores.bins, scores.name, what),
        "calibrated": None,
        "calibrated_caption": "",
        "temperature_note": "",
        "fitted_here": False,
    }
    if temperature is None:
        return found
    if temperature.ended in UNTOLD:
        why = UNTOLD[temperature.ended].format(samples=count(temperature.samples))
        return found | {"temperature_note": f"No temperature was found for the network, and {why}"}
    if calibrated is None:
        note = (
            f"The temperature {decimal(temperature.value)} was fitted on {_fitted_on(scores, temperature)}, "
            "so what it makes of them would lean to the good side and is not shown."
        )
        return found | {"temperature_note": note, "fitted_here": True}
    return found | {
        "calibrated": reliability(calibrated.bins, scores.name, what, calibrated=True),
        "calibrated_caption": _caption(scores, temperature, calibrated),
    }


def _fitted_on(scores: SplitScores, temperature: Temperature) -> str:
    some = temperature.samples < scores.samples
    return f"{count(temperature.samples)} of these samples" if some else "these very samples"


def _caption(scores: SplitScores, temperature: Temperature, calibrated: Calibrated) -> str:
    error, loss = (
        f"{figure(name, calibrated.metrics[name])} instead of {figure(name, scores.metrics[name])}"
        for name in ("calibration_error", "loss")
    )
    chosen = (
        f"the greatest that is looked for: on {count(temperature.samples)} validation samples equal "
        "probabilities are better than the network's"
        if temperature.ended == "high"
        else f"with which {count(temperature.samples)} validation samples are likeliest"
    )
    return (
        f"The same with logits divided by the temperature {decimal(temperature.value)}, {chosen}. "
        f"Expected calibration error {error}, loss {loss}, on samples that did not choose it. "
        "No predicted class changes; tlx predict gives these probabilities."
    )


def temperature_fact(temperature: Temperature | None) -> str | None:
    """The temperature in a few words; None where there is none.

    >>> temperature_fact(Temperature(1.4321, 359, "minimum"))
    '1.432, fitted on 359 validation samples'
    >>> temperature_fact(Temperature(1.0, 359, "low"))
    'none found on 359 validation samples'
    """
    if temperature is None:
        return None
    found = "none found" if temperature.ended in UNTOLD else f"{decimal(temperature.value)}, fitted"
    return f"{found} on {count(temperature.samples)} validation samples"
