"""What of a config may change while a run goes on, and what that does to its result."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tlx.composition.resolve import differences
from tlx.errors import ConfigError

__all__ = ["FREE", "MOVED", "SETTLED", "Change", "Changes", "changes_between", "differing"]

Change = tuple[str, Any, Any]
"""A dotted key, its value before, and its value now."""

FREE = {
    "data.num_workers": "what is loaded does not depend on who loads it",
    "data.root": "the data there is compared with what the run was begun on",
    "data.check": "it only looks at the files",
    "data.duplicates": "it only looks at the files",
    "trainer.checkpoint_seconds": "it only says when to save",
    "trainer.checkpoint_steps": "it only says when to save",
    "trainer.rank_timeout": "it only says when to give up",
    "data.worker_timeout": "it only says when to give up",
    "cache.folder": "what is kept is computed in the same blocks, wherever it lies",
    "page": "it only shows the figures, and tlx report makes it at any time",
    "logger": "it only shows the figures elsewhere",
}
FREE |= {key.replace("data.", "source."): why for key, why in FREE.items() if key.startswith("data.")}
"""Keys that change no bit of the result, each with the reason."""

MOVED = {
    "cache.ram": "what is not kept is computed in other batches, which may round otherwise",
    "cache.disk": "what is not kept is computed in other batches, which may round otherwise",
    "trainer.accelerator": "where a run computes may change",
    "trainer.devices": "where a run computes may change",
    "trainer.num_nodes": "where a run computes may change",
}
"""Keys that keep the order of the samples and all settings; sums are rounded in another order.

Of the cache that holds for values which are kept before and not after, or the other way around, and where
products of matrices lie in the frozen part: what convolutions give does not depend on the batch on a
processor. What is kept before and after has the same bits, also if it was evicted in between.
"""

SETTLED = {
    "model": "the network is in the checkpoints",
    "init_from": "the weights are in the checkpoints",
    "init_head": "the heads are in the checkpoints",
    "init_optimizer": "what the optimizer remembers is in the checkpoints",
    "task._target_": "the network was made for its task",
    "optimizer._target_": "the moments in the checkpoints are those of the other optimizer",
    "monitor": "the best epoch so far was chosen by it",
}
SETTLED |= {
    f"regularizer.ewc.{key}": "the Fisher information was made by it"
    for key in ("estimator", "samples", "draws", "tasks", "decay")
}
SETTLED |= {f"regularizer.replay.{key}": "the buffer was filled by it" for key in ("samples", "selection")}
"""Keys that were settled when the run began, each with the reason."""

INSIDE = re.compile(r"^(data|source)(\.of(\.\d+)?)+(?=\.)")
"""What leads from a source to those that it is made of, whose keys are free for the same reasons."""

PLANNED = ("strategy", "norms", "rate_scale", "stage_rates", "trainer.limit_epochs")
"""Keys that reach the run through its plan alone, which says what they come to."""


@dataclass(frozen=True)
class Changes:
    """What differs between a run's config and the one it shall go on with.

    Args:
        free: Changes that keep every bit of the result.
        moved: Changes of where, or in which batches, the run computes.
        planned: Changes that the plan shows.
        other: Changes of the result.
    """

    free: tuple[Change, ...] = ()
    moved: tuple[Change, ...] = ()
    planned: tuple[Change, ...] = ()
    other: tuple[Change, ...] = ()

    @property
    def all(self) -> tuple[Change, ...]:
        """Every change, those of the result first."""
        return (*self.other, *self.planned, *self.moved, *self.free)

    @property
    def of_the_result(self) -> tuple[Change, ...]:
        """The changes after which a run ends in another result."""
        return (*self.other, *self.planned)

    def refuse_other(self) -> None:
        """Refuse what changes the result.

        Raises:
            ConfigError: There is such a change.
        """
        if not self.other:
            return
        raise ConfigError(
            f"the run has another config than is asked for, and the result would be another: "
            f"{_told(self.other)}",
            fix="allow_change=true, which goes on with the new values and writes them down, or a new run; "
            "tlx resume --help names the keys that are free to change",
        )

    def refuse_planned(self) -> None:
        """Refuse changes of the strategy that do more than make it longer.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            f"the run has another config than is asked for, and the plan would not only be longer: "
            f"{_told(self.planned) or 'the strategy, an object, compiles to another plan'}",
            fix="allow_change=true, which changes the phases that are not over yet, or a new run",
        )


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """Sort the differences of two configs by what they do to a run that is on its way.

    Args:
        before: The run's config.
        after: The config it shall go on with.

    Raises:
        ConfigError: One of them was settled when the run began.
    """
    found = [change for change in differences(before, after) if not _below(change[0], "names")]
    for key, reason in SETTLED.items():
        settled = [change for change in found if _below(change[0], key)]
        if settled:
            raise ConfigError(
                f"the run has another config than is asked for: {_told(settled)}; {reason}",
                fix="a new run, with init_from=THIS_RUN to start from its weights",
            )
    sorted_out: dict[str, list[Change]] = {"free": [], "moved": [], "planned": [], "other": []}
    kinds = {"free": FREE, "moved": MOVED, "planned": PLANNED}
    for change in found:
        said = INSIDE.sub(r"\1", change[0])
        kind = next((k for k, keys in kinds.items() if any(_below(said, key) for key in keys)), "other")
        sorted_out[kind].append(change)
    return Changes(**{kind: tuple(changes) for kind, changes in sorted_out.items()})


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The differences of two configs in words, without those that are free to change; empty where none is."""
    found = [
        change
        for change in differences(before, after)
        if not any(_below(INSIDE.sub(r"\1", change[0]), key) for key in FREE)
    ]
    return _told(found) if found else ""


def _below(key: str, node: str) -> bool:
    return key == node or key.startswith(f"{node}.")


def _told(changes: tuple[Change, ...] | list[Change]) -> str:
    said = ", ".join(f"{key}={before!r} there and {now!r} here" for key, before, now in changes[:3])
    return said + (f" and {len(changes) - 3} more" if len(changes) > 3 else "")
