"""From Hydra's config to plain values: what is saved, and what is built from it."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped, unused-ignore]
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from omegaconf.resolvers import oc

from tlx.composition.secrets import withhold_environment
from tlx.errors import ConfigError

__all__ = [
    "absolute",
    "absolute_folder",
    "differences",
    "from_yaml",
    "keys",
    "open_keys",
    "resolved",
    "saved",
    "saved_run",
    "to_yaml",
]

PATHS = frozenset({"root", "folder", "file", "path", "tokenizer", "weights"})
NODES = ("model", "data", "strategy", "optimizer", "trainer", "names")
KEYS = ("seed", "monitor")
FILES_OF_SPLITS = frozenset({"train", "val", "test"})
FROM_ENVIRONMENT = "${oc.env:"


def saved(config: DictConfig) -> dict[str, Any]:
    """Plain values with every interpolation resolved but those of the environment.

    A value that reaches the environment through another key is kept as that reference
    too, so that what is written down never holds what the environment holds.
    """
    with _environment_kept():
        return _container(config)


def resolved(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values with the environment filled in, for building; what it holds is in no file from here on.

    Raises:
        ConfigError: A variable is not set.
    """
    withhold_environment(plain)
    return _container(OmegaConf.create(dict(plain)))


def saved_run(path: Path) -> dict[str, Any]:
    """The config of a run, as `from_yaml`, with every node that a run needs.

    Raises:
        ConfigError: It is no config of a run.
    """
    plain = from_yaml(path)
    lacking = [node for node in NODES if not isinstance(plain.get(node), Mapping)]
    lacking += [key for key in KEYS if key not in plain]
    if lacking:
        raise ConfigError(f"{path} is no config of a run: it lacks {', '.join(lacking)}")
    return plain


def to_yaml(plain: Mapping[str, Any]) -> str:
    """The text of a saved config."""
    return str(OmegaConf.to_yaml(OmegaConf.create(dict(plain))))


def from_yaml(path: Path) -> dict[str, Any]:
    """The saved config in a file, references to the environment kept.

    Aliases are refused: a few of them, nested, are a config larger than any memory.

    Raises:
        ConfigError: The file is no config.
    """
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(path.read_text(encoding="utf-8"))):
            raise ConfigError(f"{path} is no config that tlx wrote: it holds an alias (*name)")
        with _environment_kept():
            plain = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except ConfigError:
        raise
    except (OSError, ValueError, RecursionError, OmegaConfBaseException) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"{path} is no config that tlx wrote: {reason}") from error
    except Exception as error:
        if type(error).__module__.startswith("yaml"):
            raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
        raise
    if not isinstance(plain, dict):
        raise ConfigError(f"{path} is no config that tlx wrote")
    return {str(key): value for key, value in plain.items()}


def absolute(node: Mapping[str, Any]) -> dict[str, Any]:
    """A model or data node whose paths no longer depend on the current folder.

    `root` always is a path. Other keys that may name one (weights ...) are where the file
    exists, `name` where it is written like a path and leads to a folder. The names of splits
    are looked up in `root` where there is one, and are paths where there is none.
    """
    paths = PATHS if node.get("root") else PATHS | FILES_OF_SPLITS
    return {key: _absolute(str(key), value, paths) for key, value in node.items()}


def absolute_folder(node: Any) -> Any:
    """A cache node whose folder, which need not be there yet, no longer depends on the current one."""
    if not isinstance(node, Mapping) or not str(node.get("folder") or "").strip():
        return node
    return {**node, "folder": absolute({"root": node["folder"]})["root"]}


def keys(plain: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Every dotted key, nodes and leaves; the nodes of a list by their numbers."""
    for key, value in plain.items():
        name = f"{where}.{key}" if where else str(key)
        yield name
        for inner, node in _nodes(value, name):
            yield from keys(node, inner)


def differences(
    one: Mapping[str, Any], other: Mapping[str, Any], where: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Every dotted key whose value is not the same in two configs, with both values.

    A key that only one of them has is there with None for the other; the nodes of two lists of one
    length are held against each other by their numbers.
    """
    for key in dict.fromkeys([*one, *other]):
        name = f"{where}.{key}" if where else str(key)
        mine, theirs = one.get(key), other.get(key)
        nodes, others = [*_nodes(mine, name)], [*_nodes(theirs, name)]
        if nodes and [inner for inner, _ in nodes] == [inner for inner, _ in others]:
            for (inner, left), (_, right) in zip(nodes, others, strict=True):
                yield from differences(left, right, inner)
        elif _comparable(mine) != _comparable(theirs):
            yield name, mine, theirs


def open_keys(plain: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Every dotted key whose value the person still has to give."""
    for key, value in plain.items():
        name = f"{where}.{key}" if where else str(key)
        for inner, node in _nodes(value, name):
            yield from open_keys(node, inner)
        if value == "???":
            yield name


def _nodes(value: Any, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The node that a value is, or those of a list that holds nothing else, each with its dotted key."""
    if isinstance(value, Mapping):
        yield name, value
    elif isinstance(value, list | tuple) and all(isinstance(item, Mapping) for item in value):
        yield from ((f"{name}.{number}", item) for number, item in enumerate(value))


def _absolute(key: str, value: Any, paths: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return absolute(value)
    if isinstance(value, list):
        return [absolute(item) if isinstance(item, Mapping) else item for item in value]
    if not isinstance(value, str) or FROM_ENVIRONMENT in value or value.startswith("???"):
        return value
    path = Path(value).expanduser()
    named = key in paths and path.exists()
    like_a_path = key == "name" and os.sep in value and path.is_dir()
    return os.path.abspath(path) if key == "root" or named or like_a_path else value


def _comparable(value: Any) -> Any:
    return [_comparable(item) for item in value] if isinstance(value, list | tuple) else value


def _container(config: DictConfig) -> dict[str, Any]:
    try:
        plain = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or ""
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"{key or 'the config'} cannot be resolved: {reason}") from error
    return {str(key): value for key, value in dict(plain).items()}  # type: ignore[arg-type]


@contextlib.contextmanager
def _environment_kept() -> Iterator[None]:
    def reference(key: str, *default: Any) -> str:
        return f"{FROM_ENVIRONMENT}{','.join([key, *('null' if d is None else str(d) for d in default)])}}}"

    OmegaConf.register_new_resolver("oc.env", reference, replace=True)
    try:
        yield
    finally:
        OmegaConf.register_new_resolver("oc.env", oc.env, replace=True)
