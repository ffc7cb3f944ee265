"""Hydra's own settings in a config: they may choose a launcher, and call nothing else."""

import importlib
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tlx.errors import SecurityError

__all__ = ["check_hydra_settings", "from_elsewhere", "sets_environment"]

CALLED = ("_target_", "()", "class", "factory")
"""Keys whose value Hydra, or the logging that it sets up, imports and calls."""

HOMES = ("hydra", "hydra_plugins", "logging", "colorlog")
"""Packages of launchers, sweepers and handlers of the log."""

OUTSIDE = "ext://"
ENVIRONMENT = "hydra.job.env_set"
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")


def from_elsewhere(words: Iterable[str], folder: str | None) -> bool:
    """Whether a command line brings settings of Hydra that tlx did not write."""
    return folder is not None or any(word.lstrip("+~").startswith(("hydra.", "hydra/")) for word in words)


def sets_environment(word: str) -> bool:
    """Whether an override has Hydra set variables of the environment."""
    return word.lstrip("+").startswith(ENVIRONMENT)


def check_hydra_settings(
    settings: Mapping[str, Any], trust: Sequence[str] = (), words: Iterable[str] = ()
) -> None:
    """Refuse settings that would have Hydra call something foreign, or change what is called by its name.

    Args:
        settings: The node `hydra` of a composed config, as plain values.
        trust: Packages that the person trusts.
        words: The overrides.

    Raises:
        SecurityError: They would.
    """
    if settings.get("job", {}).get("env_set") and not any(sets_environment(word) for word in words):
        raise SecurityError(
            f"a config file sets variables of the environment ({ENVIRONMENT})",
            fix=f"{ENVIRONMENT}.NAME=VALUE",
        )
    for key, value in _leaves(settings, "hydra"):
        called = key.rpartition(".")[2] in CALLED
        if not isinstance(value, str) or value in STREAMS or not (called or value.startswith(OUTSIDE)):
            continue
        root = value.removeprefix(OUTSIDE).partition(".")[0]
        if value.startswith(OUTSIDE) or not (root in trust or _is_own_class(value)):
            raise SecurityError(
                f"{key}={value[:120]!r} would be called by Hydra, and is none of its own",
                fix=f"trust=[{root[:60]}] on the command line, if you trust that package",
            )


def _is_own_class(path: str) -> bool:
    """Whether a path leads to a class that one of Hydra's packages, or logging, defines."""
    module, _, name = path.rpartition(".")
    root = module.partition(".")[0]
    if root not in HOMES:
        return False
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return False
    return inspect.isclass(found) and found.__module__.partition(".")[0] == root


def _leaves(plain: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(plain, Mapping):
        for key, value in plain.items():
            yield from _leaves(value, f"{where}.{key}")
    elif isinstance(plain, list | tuple):
        for number, value in enumerate(plain):
            yield from _leaves(value, f"{where}.{number}")
    else:
        yield where, plain
