"""What a config or bundle may name by a dotted path: judged by what the path leads to.

Whoever can write a file could name any callable in Python. Three things are called: what the
rooms of tlx offer for configs, a short list of other libraries' constructors, and what packages
define that the person trusts. A path that only begins like one of them is refused.
"""

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

from tlx.errors import ConfigError, SecurityError, nearest

__all__ = ["LISTED", "ROOMS", "resolve"]

LISTED = frozenset({"torch.optim.AdamW", "torch.optim.SGD"})
"""Constructors of other libraries that may be named."""

ROOMS = (
    "adaptation",
    "backbones",
    "cache",
    "data",
    "heads",
    "logger",
    "preprocessing",
    "regularizers",
    "sequences",
    "strategies",
    "tasks",
    "trainer",
)
"""The rooms of tlx that configs are made of. What starts a run or takes a trust is in none of them."""

SETTINGS_ALONE = frozenset({"cache"})
"""Rooms of which only the module `settings` counts, for the rest writes files."""

OWN = "tlx"
SHOWN = 120


def resolve(path: str, trust: Iterable[str] = ()) -> Callable[..., Any]:
    """The class or function at a dotted path, if it may be built.

    Args:
        path: Of a module, and a name in it.
        trust: Packages whose classes and functions may be named as well.

    Raises:
        SecurityError: It leads to something that may not be named; nothing outside of tlx, the list
            and the trusted packages is imported to find that out.
        ConfigError: It leads nowhere, or to something that cannot be called.
    """
    trusted = frozenset(trust) - {OWN}
    shown = f"_target_={path[:SHOWN]!r}"
    parts = path.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise ConfigError(f"{shown} is no dotted path", fix="PACKAGE.MODULE.NAME of a class or function")
    if parts[0] == OWN:
        return _own(path, shown)
    if path not in LISTED and parts[0] not in trusted:
        raise _foreign(path, shown)
    found = _attribute(_module(path, shown), path, shown)
    home = str(getattr(found, "__module__", None) or "")
    if home.partition(".")[0] not in {parts[0], *trusted} or (
        path in LISTED and not home.startswith(_before(path))
    ):
        raise SecurityError(f"{shown} leads out of {parts[0]} to {home or 'something unnamed'}")
    return _callable(found, shown)


def _own(path: str, shown: str) -> Callable[..., Any]:
    room, rest = path.split(".")[1], path.split(".")[2:]
    if room not in ROOMS or (room in SETTINGS_ALONE and rest[:1] != ["settings"]):
        if importlib.util.find_spec(f"{OWN}.{room}") is None:
            raise ConfigError(f"{shown}: there is no module 'tlx.{room}'", fix=_meant(path))
        raise SecurityError(
            f"{shown} is not among what a config may name (in tlx: {', '.join(_rooms())})",
            fix="tlx list, which shows every choice",
        )
    module = _module(path, shown)
    found = _attribute(module, path, shown)
    home = str(getattr(found, "__module__", None) or "")
    if home.partition(".")[0] != OWN:
        raise SecurityError(f"{shown} leads out of tlx to {home or 'something unnamed'}")
    if home != module.__name__ or path.rpartition(".")[2] not in getattr(module, "__all__", ()):
        raise SecurityError(f"{shown} is not what {module.__name__} offers", fix=_meant(path))
    return _callable(found, shown)


def _foreign(path: str, shown: str) -> ConfigError | SecurityError:
    """The refusal of a path into a package that nobody named; a slip of the pen is a setting."""
    root = path.partition(".")[0]
    meant = next((own for own in (OWN, "torch") if nearest(root, [own]) and len(root) <= len(own) + 1), None)
    if meant and meant != root and not _installed(root):
        fix = _meant(meant + path[len(root) :])
        return ConfigError(f"{shown}: there is no package {root!r}", fix=fix)
    listed = nearest(path, LISTED) if root == "torch" else None
    return SecurityError(
        f"{shown} is not among what tlx builds (tlx.*, {', '.join(sorted(LISTED))})",
        fix=(f"{listed}, or " if listed else "")
        + f"trust=[{root[:SHOWN]}] on the command line (tlx.load(RUN, trust=[{root[:SHOWN]!r}]) in Python), "
        "if you trust that package",
    )


def _module(path: str, shown: str) -> ModuleType:
    name = _before(path)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name != missing and not name.startswith(f"{missing}."):
            raise ConfigError(
                f"{shown} needs the package {missing!r}", fix=f"pip install {missing}"
            ) from error
        root = path.partition(".")[0]
        way_out = f"the folder that holds {root} as the current one, or pip install"
        raise ConfigError(
            f"{shown}: there is no module {missing!r}", fix=_meant(path) if root == OWN else way_out
        ) from error


def _attribute(module: ModuleType, path: str, shown: str) -> Any:
    name = path.rpartition(".")[2]
    if hasattr(module, name):
        return getattr(module, name)
    own = _meant(path) if path.startswith(f"{OWN}.") else ""
    near = own or nearest(name, [known for known in vars(module) if not known.startswith("_")])
    raise ConfigError(f"{shown}: {module.__name__} has no {name[:SHOWN]!r}", fix=near or "")


def _callable(found: Any, shown: str) -> Callable[..., Any]:
    if not callable(found) or isinstance(found, ModuleType):
        raise ConfigError(f"{shown} is not a class or function")
    checked: Callable[..., Any] = found
    return checked


def _meant(path: str) -> str:
    """The name that the rooms offer which is most like a path; empty where none is."""
    room = path.split(".")[1] if path.count(".") else ""
    rooms = (room,) if room in _rooms() else _rooms()
    return nearest(path, [name for known in rooms for name in _offered(known)]) or ""


def _rooms() -> tuple[str, ...]:
    return tuple(room for room in ROOMS if importlib.util.find_spec(f"{OWN}.{room}") is not None)


def _offered(room: str) -> Iterator[str]:
    """Every class and function that a room offers, by its path."""
    top = importlib.import_module(f"{OWN}.{room}")
    below = pkgutil.iter_modules(getattr(top, "__path__", ()), f"{OWN}.{room}.")
    for name in (top.__name__, *(found.name for found in below)):
        try:
            module = importlib.import_module(name)
        except ImportError:  # of an optional package
            continue
        for offered in getattr(module, "__all__", ()):
            value = getattr(module, offered)
            if inspect.isclass(value) or inspect.isfunction(value):
                yield f"{name}.{offered}"


def _installed(root: str) -> bool:
    try:
        return importlib.util.find_spec(root) is not None
    except (ImportError, ValueError):  # ValueError: a module without a spec, which is there
        return True


def _before(path: str) -> str:
    return path.rpartition(".")[0]
