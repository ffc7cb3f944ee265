"""Sources inside of sources, and the keys of loading that only the outermost node reads."""

import functools
from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from tlx.composition.groups import SOURCE, conf_folder
from tlx.errors import ConfigError

__all__ = ["without_loading"]


def without_loading(node: Mapping[str, Any], where: str, seed: Any) -> dict[str, Any]:
    """A data node in which the sources that others are made of have their own arguments alone.

    Every choice of data brings the keys of loading along, and samples are made batches of once.

    Args:
        node: The node.
        where: Its dotted key.
        seed: Of the run, which loading's own follows.

    Raises:
        ConfigError: One of these keys was set inside, where nothing reads it, or samples of the source
            shall vary, which never do.
    """
    _refuse_varied(node, where, where)
    return {str(key): _inside(value, f"{where}.{key}", where, seed) for key, value in node.items()}


def _inside(value: Any, where: str, outermost: str, seed: Any) -> Any:
    if isinstance(value, list):
        return [_inside(item, f"{where}.{number}", outermost, seed) for number, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    if "_target_" not in value:
        return dict(value)
    _refuse_varied(value, where, outermost)
    defaults = _loading() | {"seed": seed}
    for key, default in defaults.items():
        if value.get(key, default) != default:
            given = f"{key}={value[key]}"
            raise ConfigError(
                f"{where}.{given} would be ignored: how samples become batches is said once",
                fix=f"{outermost}.{given}",
            )
    own = {str(key): item for key, item in value.items() if key not in defaults}
    return {key: _inside(item, f"{where}.{key}", outermost, seed) for key, item in own.items()}


def _refuse_varied(node: Mapping[str, Any], where: str, outermost: str) -> None:
    if outermost == SOURCE and node.get("augment") == "always":
        raise ConfigError(
            f"{where}.augment=always would be ignored: samples of the source are read as they are",
            fix=f"{SOURCE}.augment=auto, or data.augment=always for what is learned",
        )


@functools.cache
def _loading() -> dict[str, Any]:
    """The keys of loading and their defaults."""
    text = OmegaConf.to_container(OmegaConf.load(conf_folder() / "data" / "loading.yaml"))
    return {str(key): value for key, value in dict(text).items()}  # type: ignore[arg-type]
