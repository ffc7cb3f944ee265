"""The questions of tlx from Python: what the commands of the same names answer, typed."""

from typing import TYPE_CHECKING, Any, TypeVar

from tlx.api import refuse_path, words
from tlx.composition.compose import compose
from tlx.verbs.protocol import RESULT, answer, check_same, folder_of, is_complete

if TYPE_CHECKING:
    from tlx.protocols.distance import DistanceResult
    from tlx.protocols.lr import LrResult
    from tlx.protocols.probe import ProbeResult
    from tlx.protocols.results.advise import AdviseResult
    from tlx.protocols.results.fewshot import FewshotResult
    from tlx.protocols.results.gain import GainResult
    from tlx.protocols.results.rank import RankResult

__all__ = ["advise", "distance", "fewshot", "gain", "lr", "probe", "rank"]

Result = TypeVar("Result")


def advise(model: str = "tiny", data: str = "digits", **overrides: Any) -> "AdviseResult":
    """What to do with a data set: `strategy`, `words` of a command, and why; see `gain` for the arguments."""
    from tlx.protocols.results.advise import AdviseResult

    return _asked("advise", AdviseResult, {"model": model, "data": data, **overrides})


def distance(model: str = "tiny", data: str = "digits", **overrides: Any) -> "DistanceResult":
    """How far apart source and target are: `source__root=...` beside `**{"data@source": "folder"}`.

    See `gain` for the arguments.
    """
    from tlx.protocols.distance import DistanceResult

    return _asked("distance", DistanceResult, {"model": model, "data": data, **overrides})


def fewshot(model: str = "tiny", data: str = "digits", **overrides: Any) -> "FewshotResult":
    """Accuracy against labels per class, for several strategies; see `gain` for the arguments."""
    from tlx.protocols.results.fewshot import FewshotResult

    return _asked("fewshot", FewshotResult, {"model": model, "data": data, **overrides})


def gain(model: str = "tiny", data: str = "digits", **overrides: Any) -> "GainResult":
    """Did transfer help: the pre-trained network against the same one from scratch.

    An answer that is there already is read, and one that was cut off is gone on with; a `run_dir` that holds
    one to other words is refused.

    Args:
        model: A choice of `conf/model`.
        data: A choice of `conf/data`.
        **overrides: Keys of `tlx gain` with `__` for the dot: `gain__seeds=5`, `strategy="fine_tune"`.

    Raises:
        TlxError: It cannot be asked so, or a run failed.
    """
    from tlx.protocols.results.gain import GainResult

    return _asked("gain", GainResult, {"model": model, "data": data, **overrides})


def lr(model: str = "tiny", data: str = "digits", **overrides: Any) -> "LrResult":
    """Which rates suit, and which layers gain from training; see `gain` for the arguments."""
    from tlx.protocols.lr import LrResult

    return _asked("lr", LrResult, {"model": model, "data": data, **overrides})


def probe(model: str = "tiny", data: str = "digits", **overrides: Any) -> "ProbeResult":
    """What every stage of a frozen backbone tells of the classes; see `gain` for the arguments."""
    from tlx.protocols.probe import ProbeResult

    return _asked("probe", ProbeResult, {"model": model, "data": data, **overrides})


def rank(model: str = "tiny", data: str = "digits", **overrides: Any) -> "RankResult":
    """Which source model suits the data; candidates: `rank__models=[...]`. See `gain` for the arguments."""
    from tlx.protocols.results.rank import RankResult

    return _asked("rank", RankResult, {"model": model, "data": data, **overrides})


def _asked(verb: str, kind: type[Result], overrides: dict[str, Any]) -> Result:
    """The answer that is there, else a new one."""
    from tlx.protocols.plain import typed
    from tlx.run.directory import read_json

    refuse_path(overrides["data"])
    composed = compose(verb, words(overrides))
    folder = folder_of(verb, composed)
    if is_complete(folder):
        check_same(folder, verb, composed)
        return typed(kind, read_json(folder / RESULT))
    found: Result = answer(folder, verb, composed)
    return found
