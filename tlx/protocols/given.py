"""What a protocol is given from above, and what it gives back."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tlx.data.datamodule import TransferData
from tlx.job import Job

__all__ = ["Answer", "Given", "Makers", "Question"]


class Makers(NamedTuple):
    """What builds and trains, for rooms that know no config."""

    train: Callable[[Path, Mapping[str, Any]], None]  # a run directory and its config, begun or not
    job: Callable[[Mapping[str, Any]], Job]
    data: Callable[[Mapping[str, Any]], TransferData]
    trust: tuple[str, ...]
    composed: Callable[[Sequence[str]], Mapping[str, Any]]  # words of a command line to the config of a fit
    words: Callable[[Mapping[str, Any]], list[str]]  # and back


class Given(NamedTuple):
    """What a question is asked about.

    Args:
        config: Of a fit, complete; that of the question is a key beside it.
        folder: Where the answer comes to lie, and the runs that it takes.
        makers: Build, and train.
        say: Tells a person how far it is.
    """

    config: Mapping[str, Any]
    folder: Path
    makers: Makers
    say: Callable[[str], None]


class Answer(Protocol):
    """A dataclass of plain values, tuples and other such dataclasses."""

    def figures(self) -> dict[str, float | None]:
        """What a sweep compares, the headline first, each by what it is measured on and its name.

        `test/` and `val/` for the splits, `held_out/` for training samples that were held out, nothing where
        it is of no split; then a name of `tlx.figures.FIGURES`.
        """
        ...

    def texts(self) -> dict[str, str]:
        """What a sweep shows beside them, by the keys of `tlx.figures.TEXTS`."""
        ...


class Question(Protocol):
    """A protocol: constructed from the plain values of its own key of the config."""

    def check(self, given: Given) -> None:
        """Refuse what cannot be asked, before there is a folder.

        Raises:
            TlxError: It cannot be asked about this model or data.
        """
        ...

    def answer(self, given: Given) -> Answer:
        """Find the answer, from wherever the folder stands.

        Raises:
            TlxError: It cannot be asked about this model or data.
        """
        ...
