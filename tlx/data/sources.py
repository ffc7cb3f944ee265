"""Asking a source for its splits, wherever in a config it stands."""

import contextlib
import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

from tlx.errors import DataError, TlxError, bad_value
from tlx.types import ClassesFrom, Source, Splits, Targets

__all__ = ["SOURCE", "check_source", "is_source", "splits_of", "told_of"]

SOURCE = ("kind", "flip", "splits", "describe")
"""What makes an object a source, see `tlx.types.Source`."""


def is_source(given: Any) -> bool:
    """Whether an object has what a source has."""
    return not inspect.isclass(given) and all(hasattr(given, name) for name in SOURCE)


def check_source(name: str, given: Any) -> Source:
    """Refuse what is no source.

    Args:
        name: The argument, for the message.
        given: What stands there.

    Raises:
        ConfigError: It is none.
    """
    if not is_source(given):
        said = f"a source ({', '.join(SOURCE)}); in a config a _target_ with its arguments"
        raise bad_value(name, given, said, "data.of._target_=tlx.data.folder.Folder, for one")
    source: Source = given
    return source


def splits_of(
    source: Source,
    targets: Targets = "class",
    classes_from: ClassesFrom = "train",
    node: str = "data",
    beside: Iterable[str] = (),
) -> Splits:
    """What a source finds, asked only what it understands.

    A source that knows only one class per sample need not know of targets. It does not know
    either which node of the config it was built from: see `told_of`.

    Args:
        source: The source.
        targets: What a sample is to be labelled with.
        classes_from: Whose classes there are.
        node: Where in the config it stands, `source` or `data.of`.
        beside: Keys of that node besides the source's own arguments.

    Raises:
        DataError: It has no labels of this kind.
    """
    known = inspect.signature(source.splits).parameters
    if "targets" not in known and targets != "class":
        raise DataError(
            f"{type(source).__name__} has one class per sample; the task needs {targets}",
            fix="splits(self, targets) in the source, or task=multiclass",
        )
    asked: dict[str, Any] = {"targets": targets, "classes_from": classes_from}
    with told_of(node, {*inspect.signature(type(source)).parameters, *beside}):
        return source.splits(**{name: value for name, value in asked.items() if name in known})


@contextlib.contextmanager
def told_of(node: str, names: Iterable[str]) -> Iterator[None]:
    """Have errors name the keys of a data node where it stands in the config.

    What is built from a node does not know where that is: it calls it `data`, or begins with an argument.

    Args:
        node: Where it stands, such as `source` or `data.of`.
        names: The keys of the node.

    Raises:
        TlxError: The one that was raised, told so; of another node than `data` it is said where it happened.
    """
    try:
        yield
    except TlxError as error:
        keys = "|".join(sorted(map(re.escape, names)))
        key = re.compile(rf"\bdata\.(?=(?:{keys})\b)|^(?=(?:{keys})=)")
        what, where, fix = (key.sub(f"{node}.", text) for text in (error.what, error.where, error.fix))
        if not where and node != "data" and node not in f"{what} {fix}":
            where = f"in {node}"
        raise type(error)(what, where, fix) from error
