"""From plain values to objects, and what may be built that way.

A recipe is a mapping with a `_target_`, the dotted path of a callable, and its keyword
arguments. With `_partial_: true` beside them (Hydra's convention) it stands for the callable
that still waits to be called. Configs and bundles hold recipes, so whoever can write a file could name any
callable in Python: only tlx's own, a short list, and packages the person trusts on the
command line are called.
"""

import functools
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tlx.errors import ConfigError, SecurityError, nearest

__all__ = ["LISTED", "build", "described", "resolve"]

LISTED = frozenset({"torch.optim.AdamW", "torch.optim.SGD"})
"""Constructors of other libraries that a recipe may name."""

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


def resolve(path: str, trust: Iterable[str] = ()) -> Callable[..., Any]:
    """The callable at a dotted path, if it may be built.

    A path that begins with `tlx.` is not enough: what it leads to must be defined there,
    so that `tlx.recipe.importlib.import_module` is refused.
    """
    root = path.partition(".")[0]
    if not (root == "tlx" or root in set(trust) or path in LISTED):
        raise SecurityError(
            f"_target_={path!r} is not among what tlx builds (tlx.*, {', '.join(sorted(LISTED))})",
            fix=f"trust=[{root}] on the command line (tlx.load(RUN, trust=[{root!r}]) in Python), "
            "if you trust that package",
        )
    found = _find(path)
    home = str(getattr(found, "__module__", "")).partition(".")[0]
    if path not in LISTED and home not in {root, *trust}:
        raise SecurityError(f"_target_={path!r} leads out of {root} to {home or 'something unnamed'}")
    if not callable(found):
        raise ConfigError(f"_target_={path!r} is not a class or function")
    checked: Callable[..., Any] = found
    return checked


def described(waiting: Callable[..., Any]) -> dict[str, Any]:
    """The recipe of a callable that is not called yet: the reverse of building `_partial_: true`.

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


def _find(path: str) -> Any:
    module_path, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_path)
    except ModuleNotFoundError as error:
        missing = error.name or module_path
        inside = module_path == missing or module_path.startswith(f"{missing}.")
        if inside:
            own = path.startswith("tlx.")
            raise ConfigError(
                f"_target_={path!r}: there is no module {missing!r}",
                fix=""
                if own
                else f"the folder that holds {path.partition('.')[0]} as the current one, or pip install",
            ) from error
        raise ConfigError(f"{path} needs the package {missing!r}", fix=f"pip install {missing}") from error
    if not hasattr(module, name):
        near = nearest(name, [known for known in vars(module) if not known.startswith("_")])
        raise ConfigError(f"_target_={path!r}: {module_path} has no {name!r}", fix=near or "")
    return getattr(module, name)


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
