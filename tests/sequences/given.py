"""What sequences are made from, without data."""

from collections.abc import Mapping, Sequence
from typing import Any

from tlx.sequences.task import Given

NODE = {"_target_": "tlx.data.npz.NumpyFile", "file": "photos.npz", "batch_size": 8, "seed": 3}


def given(scenario: str = "task", classes: Sequence[str] = "abcdef", node: Mapping[str, Any] = NODE) -> Given:
    def composed(words: Sequence[str]) -> dict[str, Any]:
        named = dict(word.partition("=")[::2] for word in words)
        choice = named.pop("data")
        return {"_target_": f"tlx.data.{choice}.Source", "batch_size": 32, **{k[5:]: v for k, v in named.items()}}

    return Given(node, scenario, lambda asked: list(asked.get("of_classes", classes)), composed)


__all__ = ["NODE", "given"]
