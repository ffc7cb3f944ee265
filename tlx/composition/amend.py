"""A config changed by options of the command line, its keys and choices checked."""

from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from tlx.composition import resolve
from tlx.composition.compose import compose
from tlx.errors import unknown_name

__all__ = ["amended"]

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
        mine = {key: value for key, value in options.items() if key == group or key.startswith(f"{group}.")}
        if group in mine:
            composed = compose("fit", [f"{key}={value}" for key, value in mine.items()])
            config[group] = composed.config[group]
        elif mine:
            config[group] = _changed(config[group], group, mine)
    unknown = [key for key in options if key.partition(".")[0] not in NODES]
    if unknown:
        known = [f"{group}.{key}" for group in NODES for key in config[group] if not key.startswith("_")]
        raise unknown_name("key", unknown[0], known)
    return config


def _changed(node: Mapping[str, Any], group: str, options: Mapping[str, str]) -> dict[str, Any]:
    unknown = [key for key in options if key.partition(".")[2] not in node]
    if unknown:
        raise unknown_name("key", unknown[0], [f"{group}.{key}" for key in node if not key.startswith("_")])
    given = OmegaConf.from_dotlist([f"{key.partition('.')[2]}={value}" for key, value in options.items()])
    changes = {str(key): value for key, value in dict(OmegaConf.to_container(given)).items()}  # type: ignore[arg-type]
    return resolve.absolute({**node, **changes})
