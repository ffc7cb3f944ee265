"""What an entry says of itself, sealed: only what tlx wrote, and nobody edited, counts as an entry."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tlx.backbones.cuts import FrozenValues
from tlx.cache.part import Part
from tlx.made_by import made_by

__all__ = ["META", "described", "parsed_meta", "write_meta"]

META = "meta.json"
SEAL = "seal"


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


def described(part: Part, cut: FrozenValues) -> dict[str, Any]:
    """What an entry holds, for people."""
    recipe = cut.backbone.recipe
    return {
        "model": str(recipe.get("name") or recipe.get("_target_") or ""),
        "weights": cut.backbone.weights,
        "stage": cut.reach,
        "split": part.name,
        "samples": len(part.split),
        "views": part.views,
    }
