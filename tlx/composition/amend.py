"""A config changed by options of the command line, its keys and choices checked."""

from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from tlx.composition import resolve
from tlx.composition.compose import compose
from tlx.composition.groups import groups
from tlx.composition.secrets import refuse_secret_words, refuse_secrets
from tlx.errors import unknown_name

__all__ = ["amended", "changed"]

NODES = ("data", "trainer")


def amended(saved: Mapping[str, Any], options: Mapping[str, str]) -> dict[str, Any]:
    """A run's config with other data or another trainer.

    Args:
        saved: The run's config; it is left as it was.
        options: `data=CHOICE`, `data.KEY=VALUE` and the same for `trainer`.

    Raises:
        ConfigError: A key or choice that does not exist.
    """
    config = dict(saved)
    for group in NODES:
        mine = {key: value for key, value in options.items() if _group(key) == group}
        if group in mine:
            composed = compose("fit", [f"{key}={value}" for key, value in mine.items()])
            config[group] = composed.config[group]
        elif mine:
            config[group] = _changed(config[group], group, mine)
    unknown = [key for key in options if _group(key) not in NODES]
    if unknown:
        known = [f"{group}.{key}" for group in NODES for key in config[group] if not key.startswith("_")]
        raise unknown_name("key", unknown[0], known)
    return config


def changed(saved: Mapping[str, Any], options: Mapping[str, str]) -> dict[str, Any]:
    """A run's config with any of its keys changed.

    A key changes alone: what was once derived from it, such as `data.seed` from `seed`, stays.

    Args:
        saved: The run's config; it is left as it was.
        options: `GROUP=CHOICE` or `KEY=VALUE`.

    Raises:
        ConfigError: A key or choice that does not exist, or a secret as plain text.
    """
    refuse_secret_words(f"{key}={value}" for key, value in options.items())
    config = {**saved, "names": dict(saved["names"])}
    rest = dict(options)
    for group in [key for key in options if key in groups() and isinstance(saved.get(key), Mapping)]:
        mine = [key for key in options if _group(key) == group]
        words = [f"{key}={rest.pop(key)}" for key in mine]
        composed = compose("fit", [*words, f"seed={saved['seed']}"])
        config[group] = composed.config[group]
        if group in config["names"]:
            config["names"][group] = composed.config["names"][group]
    known = [key for key in resolve.keys(config) if not key.startswith("names") and "._" not in key]
    unknown = [key for key in rest if key not in known]
    if unknown:
        raise unknown_name("key", unknown[0], known)
    after = _updated(config, rest)
    refuse_secrets(after)
    for node in {key.partition(".")[0] for key in rest} & {"model", "data"}:
        after[node] = resolve.absolute(after[node])
    after |= {"cache": resolve.absolute_folder(after["cache"])} if "cache" in after else {}
    return after


def _group(key: str) -> str:
    """The group that an option is about, also where it says which choice stands inside: `data@data.of`."""
    return key.partition("@")[0].partition(".")[0]


def _changed(node: Mapping[str, Any], group: str, options: Mapping[str, str]) -> dict[str, Any]:
    known = [f"{group}.{key}" for key in resolve.keys(node) if not key.rpartition(".")[2].startswith("_")]
    unknown = [key for key in options if key not in known]
    if unknown:
        raise unknown_name("key", unknown[0], known)
    after = _updated({group: dict(node)}, options)
    return resolve.absolute(after[group])


def _updated(config: Mapping[str, Any], options: Mapping[str, str]) -> dict[str, Any]:
    """A config with other values under some of its keys."""
    tree = OmegaConf.create(dict(config))
    for key, value in options.items():
        OmegaConf.update(tree, key, OmegaConf.from_dotlist([f"value={value}"])["value"], merge=False)
    after = OmegaConf.to_container(tree, resolve=False)
    return {str(key): value for key, value in dict(after).items()}  # type: ignore[arg-type]
