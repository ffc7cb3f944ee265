"""From plain values to objects, and what may be built that way.

A recipe is a mapping with a `_target_`, the dotted path of a callable, and its keyword
arguments. Configs and bundles hold recipes, so whoever can write a file could name any
callable in Python: only tlx's own, a short list, and packages the person trusts on the
command line are called.
"""

import functools
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tlx.errors import ConfigError, SecurityError, nearest

__all__ = ["LISTED", "build", "resolve"]

LISTED = frozenset({"torch.optim.AdamW", "torch.optim.SGD"})
"""Constructors of other libraries that a recipe may name."""


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
    arguments = {key: _value(value, trust) for key, value in recipe.items() if key != "_target_"} | more
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
            fix=f"trust=[{root}] on the command line, if you trust that package",
        )
    found = _find(path)
    home = str(getattr(found, "__module__", "")).partition(".")[0]
    if path not in LISTED and home not in {root, *trust}:
        raise SecurityError(f"_target_={path!r} leads out of {root} to {home or 'something unnamed'}")
    if not callable(found):
        raise ConfigError(f"_target_={path!r} is not a class or function")
    checked: Callable[..., Any] = found
    return checked


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
            raise ConfigError(f"_target_={path!r}: there is no module {missing!r}") from error
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
