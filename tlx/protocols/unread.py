"""Wishes that a question would not read are refused: nobody shall believe that they had an effect."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from tlx.errors import ConfigError
from tlx.protocols.given import Given

__all__ = ["TRAINING", "changed", "refuse_unread", "refuse_unread_settings"]

TRAINING = (
    "strategy",
    "optimizer",
    "init_optimizer",
    "regularizer",
    "source",
    "task",
    "monitor",
    "mixup",
    "ema",
    "rate_scale",
    "stage_rates",
    "norms",
    "logger",
)
"""Keys of a fit that only a run reads; what models, data and trainers have for it comes with their choice."""


def changed(given: Given, keys: Sequence[str]) -> list[str]:
    """Those of the keys whose value is another than `tlx fit` has without a word; `monitor`, of that task."""
    default = dict(given.makers.composed([]))
    default["monitor"] = given.config["task"].get("monitor", default["monitor"])
    return [key for key in keys if given.config.get(key) != default.get(key)]


def refuse_unread(given: Given, keys: Sequence[str], why: str, fix: str) -> None:
    """Refuse keys of the config that are set where nothing reads them.

    Args:
        given: Its config.
        keys: Which nothing reads.
        why: What keeps them from being read.
        fix: How to have them read.

    Raises:
        ConfigError: One of them has another value than by default.
    """
    for key in changed(given, keys):
        raise ConfigError(f"nothing would read {key}: {why}", fix=f"{fix}, or without {key}")


def refuse_unread_settings(question: Any, names: Sequence[str], why: str, fix: str) -> None:
    """Refuse settings of a question that are set where it does not read them.

    Args:
        question: A dataclass.
        names: Of its fields.
        why: What keeps them from being read.
        fix: How to have them read.

    Raises:
        ConfigError: One of them has another value than by default.
    """
    for field in dataclasses.fields(question):
        if field.name in names and _plain(getattr(question, field.name)) != _plain(field.default):
            key = f"{type(question).__name__.lower()}.{field.name}"
            raise ConfigError(f"nothing would read {key}: {why}", fix=f"{fix}, or without {key}")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value
