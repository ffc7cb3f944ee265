"""The keys at the top of a verb's config, and the verbs that have a key."""

import functools
from collections.abc import Sequence
from typing import Any

from omegaconf import OmegaConf

from tlx.composition.groups import conf_folder
from tlx.errors import ConfigError

__all__ = ["foreign_key", "read_by"]

UNREAD = frozenset({"defaults", "experiment", "hydra"})
"""Keys of primary configs that are Hydra's."""

SHARED = "training"
"""What the verbs that train are made on; no verb itself."""

REASONS = {
    "advise": "it chooses what trains itself",
    "distance": "it trains nothing",
    "probe": "it trains nothing but linear probes, of one data set",
}
"""Why verbs do not read what others do."""

INSTEAD = {
    ("advise", "strategy"): "advise.strategies=[{}]",
    ("advise", "regularizer"): "advise.regularizers=[{}]",
}
"""Words of a verb's own that say the same."""


@functools.cache
def read_by(verb: str) -> frozenset[str]:
    """The keys that a verb reads: those of its primary config, and of the one that it is made on."""
    primary: Any = OmegaConf.to_container(OmegaConf.load(conf_folder() / f"{verb}.yaml"), resolve=False)
    own = {str(key) for key in primary}
    for entry in primary["defaults"]:
        if isinstance(entry, str):
            own |= read_by(entry) if entry != "_self_" else set()
        else:
            own |= {str(key).rpartition("@")[2] for key in entry}
    return frozenset(own - UNREAD)


def foreign_key(verb: str, overrides: Sequence[str]) -> ConfigError | None:
    """The error for the first override whose key other verbs read, and this one does not; None without one.

    Args:
        verb: A primary config.
        overrides: As on the command line.
    """
    for word in overrides:
        key, _, value = word.lstrip("+~").partition("=")
        name = key.partition(".")[0]
        top = name.rpartition("@")[2]
        others = [other for other in _verbs() if top in read_by(other)]
        if top in read_by(verb) or not others:
            continue
        reason = f": {REASONS[verb]}" if verb in REASONS else ""
        ways = ", ".join(f"tlx {other}" for other in others)
        take = "takes" if len(others) == 1 else "take"
        instead = INSTEAD.get((verb, key), "").format(value)
        fix = " or ".join(filter(None, [instead, f"without {word}, which {ways} {take}"]))
        return ConfigError(f"tlx {verb} takes no {name}{reason}", fix=fix)
    return None


def _verbs() -> list[str]:
    return sorted(path.stem for path in conf_folder().glob("*.yaml") if path.stem != SHARED)
