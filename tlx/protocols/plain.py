"""Answers as plain values that JSON can hold, and back."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from tlx.errors import CheckpointError

__all__ = ["plain", "typed"]

Kind = TypeVar("Kind")


def plain(value: Any) -> Any:
    """A dataclass as a dictionary, a tuple as a list; a number that is none becomes None.

    >>> plain((1.5, float("nan"), {"a": (2,)}))
    [1.5, None, {'a': [2]}]
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def typed(kind: type[Kind], found: Mapping[str, Any]) -> Kind:
    """A dataclass from what `plain` made of it; keys that it does not have are passed over.

    Raises:
        CheckpointError: A field is missing.
    """
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    missing = [field.name for field in fields if field.name not in found]
    if missing:
        raise CheckpointError(f"result.json lacks {missing[0]!r} of {kind.__name__}", fix="asking anew")
    return kind(**{field.name: _typed(hints[field.name], found[field.name]) for field in fields})


def _typed(hint: Any, value: Any) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if value is None:
        return None
    if origin in (typing.Union, types.UnionType):
        return _typed(next(each for each in inner if each is not types.NoneType), value)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return typed(hint, value)
    if origin is tuple:
        kinds = [inner[0]] * len(value) if inner[1:] == (...,) else inner
        return tuple(_typed(each, item) for each, item in zip(kinds, value, strict=True))
    if origin is dict:
        return {key: _typed(inner[1], item) for key, item in value.items()}
    return value
