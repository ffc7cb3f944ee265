"""What transfers, how to carry it over, what it costs, and what is forgotten on the way."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlx.api import compose, fit, load
    from tlx.questions import advise, distance, fewshot, gain, lr, probe, rank

    __version__: str

QUESTIONS = ("advise", "distance", "fewshot", "gain", "lr", "probe", "rank")

__all__ = [
    "__version__",
    "advise",
    "compose",
    "distance",
    "fewshot",
    "fit",
    "gain",
    "load",
    "lr",
    "probe",
    "rank",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for at first use; no module of tlx bears one of these names."""
    if name in ("compose", "fit", "load"):
        import tlx.api

        return getattr(tlx.api, name)
    if name in QUESTIONS:
        import tlx.questions

        return getattr(tlx.questions, name)
    if name == "__version__":
        from importlib.metadata import version

        return version("tlx")
    raise AttributeError(f"module 'tlx' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What there is to find, loaded or not."""
    return sorted({*globals(), *__all__} - {"Any", "TYPE_CHECKING"})
