"""What an entry says of itself, sealed: only what tlx wrote, and nobody edited, counts as an entry."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tlx.backbones.cuts import FrozenValues
from tlx.backbones.staged import StagedBackbone
from tlx.cache.part import Part
from tlx.made_by import made_by
from tlx.report.formats import LONG_NAME, label
from tlx.types import Source
from tlx.withheld import without_withheld

__all__ = ["META", "described", "named", "parsed_meta", "write_meta"]

META = "meta.json"
SEAL = "seal"
PLACES = ("root", "file", "train")
"""Arguments of a source that say where its samples lie."""


def write_meta(folder: Path, meta: Mapping[str, Any]) -> None:
    """Write the file that makes a folder an entry.

    Args:
        folder: With all data in it.
        meta: Plain values: `what` for people, and what reading takes.
    """
    plain = json.loads(json.dumps({"made_by": made_by(), **meta}))
    (folder / META).write_text(json.dumps(plain | {SEAL: _seal(plain)}, indent=1))


def parsed_meta(text: str) -> dict[str, Any]:
    """The values that `write_meta` was given.

    Raises:
        ValueError: The text is damaged, edited, or of something else.
    """
    plain = json.loads(text)
    if not isinstance(plain, dict) or not isinstance(plain.get("what"), dict):
        raise ValueError(f"{META} is not what tlx writes")
    if plain.pop(SEAL, None) != _seal(plain):
        raise ValueError(f"{META} was changed after it was written")
    return plain


def _seal(plain: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def described(part: Part, cut: FrozenValues, source: Source, names: Mapping[str, str]) -> dict[str, Any]:
    """What an entry holds, for people.

    Args:
        part: The samples.
        cut: At the frontier.
        source: Where the samples come from.
        names: `model` and `data` as they were chosen, as far as that is known.
    """
    return {
        **named(cut.backbone, source, names),
        "stage": cut.reach,
        "split": part.name,
        "samples": len(part.split),
        "views": part.views,
    }


def named(backbone: StagedBackbone, source: Source, names: Mapping[str, str]) -> dict[str, Any]:
    """The model, its weights, the data and where it lies, as people choose them.

    Args:
        backbone: The model.
        source: The data.
        names: `model` and `data` as they were chosen, as far as that is known.
    """
    recipe, plain = backbone.recipe, source.describe()
    found = {
        "model": names.get("model") or str(recipe.get("name") or recipe.get("_target_") or ""),
        "weights": backbone.weights,
        "data": _chosen(plain, names.get("data", "")),
        "root": _place(plain),
    }
    known = without_withheld({key: value for key, value in found.items() if value})
    return {key: label(value, LONG_NAME) for key, value in known.items()}


def _chosen(recipe: Any, name: str = "") -> str:
    """A source by its choice, and one made of another by both; ours are called after their modules."""
    if not isinstance(recipe, Mapping):
        return name
    module, _, kind = str(recipe.get("_target_", "")).rpartition(".")
    own = name or (module.removeprefix("tlx.data.") if module.startswith("tlx.data.") else kind)
    inner = _chosen(recipe.get("of"))
    return f"{own} of {inner}" if inner else own


def _place(recipe: Any) -> str:
    """Where the samples of a source lie, or the first of those that it is made of; empty where nowhere."""
    if isinstance(recipe, list):
        return next(filter(None, map(_place, recipe)), "")
    if not isinstance(recipe, Mapping):
        return ""
    own = (recipe[key] for key in PLACES if isinstance(recipe.get(key), str))
    return next(own, "") or _place(recipe.get("of"))
