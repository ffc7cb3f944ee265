"""From plain values to objects, and what may be built that way.

A recipe is a mapping with a `_target_`, the dotted path of a callable, and its keyword
arguments. With `_partial_: true` beside them (Hydra's convention) it stands for the callable
that still waits to be called. What a recipe may name is the business of `tlx.targets`.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tlx.errors import ConfigError
from tlx.targets import resolve

__all__ = ["build", "described"]

OWN = ("_target_", "_partial_")
"""Keys of a recipe that are no arguments."""


def build(recipe: Mapping[str, Any], trust: Iterable[str] = (), *, partial: bool = False, **more: Any) -> Any:
    """Call a recipe's target with its arguments, nested recipes first.

    Args:
        recipe: `_target_` and keyword arguments, plain values.
        trust: Further packages whose callables may be named.
        partial: Return the callable with its arguments bound instead of calling it.
        **more: Further keyword arguments.

    Raises:
        SecurityError: The target is not among what may be built.
        ConfigError: The target does not exist, or does not take these arguments.
    """
    trust = tuple(trust)
    target = resolve(str(recipe.get("_target_", "")), trust)
    partial = partial or _waits(recipe)
    arguments = {key: _value(value, trust) for key, value in recipe.items() if key not in OWN} | more
    _check_arguments(target, str(recipe["_target_"]), arguments, partial)
    return functools.partial(target, **arguments) if partial else target(**arguments)


def described(waiting: Callable[..., Any]) -> dict[str, Any]:
    """The recipe of a callable that is not called yet: the reverse of building `_partial_: true`.

    >>> from tlx.errors import nearest
    >>> described(functools.partial(nearest, got="a"))
    {'_target_': 'tlx.errors.nearest', '_partial_': True, 'got': 'a'}

    Args:
        waiting: A class or function that can be imported, perhaps with keyword arguments bound.

    Raises:
        ConfigError: It has no dotted path, or an argument that is no plain value.
    """
    if isinstance(waiting, functools.partial):
        if waiting.args:
            raise ConfigError(
                f"{waiting.func} has arguments bound without a name",
                fix="functools.partial(CLASS, NAME=VALUE)",
            )
        inner = described(waiting.func)
        return inner | {
            key: _plain(value, f"{inner['_target_']}: {key}") for key, value in waiting.keywords.items()
        }
    name = str(getattr(waiting, "__qualname__", ""))
    if not name.isidentifier():
        raise ConfigError(
            f"{name or waiting!r} cannot be found again by a dotted path",
            fix="a class or function at the top level of a module",
        )
    return {"_target_": f"{waiting.__module__}.{name}", "_partial_": True}


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner, where) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, where) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, functools.partial | type) or inspect.isfunction(value):
        return described(value)
    raise ConfigError(
        f"{where} is a {type(value).__name__}, which no config or bundle can hold",
        fix="a plain value, or _partial_: true beside its _target_",
    )


def _waits(recipe: Mapping[str, Any]) -> bool:
    wish = recipe.get("_partial_", False)
    if not isinstance(wish, bool):
        raise ConfigError(f"_partial_={wish!r} is not usable. Expected true or false")
    return wish


def _value(value: Any, trust: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        return build(value, trust) if "_target_" in value else {k: _value(v, trust) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item, trust) for item in value]
    return value


def _check_arguments(target: Callable[..., Any], path: str, arguments: dict[str, Any], partial: bool) -> None:
    try:
        signature = inspect.signature(target)
    except ValueError:
        return
    try:
        (signature.bind_partial if partial else signature.bind)(**arguments)
    except TypeError as error:
        known = ", ".join(signature.parameters)
        raise ConfigError(f"{path} {error}; it takes {known}") from error
