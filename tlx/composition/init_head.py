"""`init_head`: what becomes of the head that the run in `init_from` trained."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import nn

from tlx.backbones.known_heads import KnownHead
from tlx.backbones.staged import StagedBackbone
from tlx.checkpoint.bundle import heads_of, read_meta
from tlx.composition.initial import bundle_of
from tlx.errors import ConfigError, unknown_name

__all__ = ["INIT_HEADS", "take_heads"]

ONE_CLASS = "tlx.tasks.multiclass.Multiclass"
INIT_HEADS = ("new", "kept", "continued")


def take_heads(backbone: StagedBackbone, run: Any, wish: str, trust: Iterable[str] = ()) -> bool:
    """Let the heads of a finished run stand for the original head of the backbone that came from it.

    Args:
        backbone: With the weights of the run.
        run: A finished run, or a bundle; None: there is none.
        wish: `new`: its heads are left there. `kept`: they are asked for their classes beside the new
            head. `continued`: so, and the new head goes on from its own one, which has the same classes.
        trust: Packages whose code the bundle may name.

    Returns:
        Whether the new head goes on from the newest of them.

    Raises:
        ConfigError: The wish is none of these, there is no run, its head does not choose one of several
            classes, or two heads tell a class of one name apart.
        CheckpointError: The bundle is missing or damaged.
    """
    if wish not in INIT_HEADS:
        raise unknown_name("init_head", str(wish), INIT_HEADS)
    if wish == "new":
        return False
    if run is None:
        raise ConfigError(f"init_head={wish} is about a run, and there is none", fix="init_from=RUN")
    bundle = bundle_of(str(run))
    _refuse_other_answers(bundle, wish)
    known, heads = heads_of(backbone, bundle, trust)
    if wish == "continued":
        known, heads = _without_earlier_states(known, heads)
    _refuse_doubled(known)
    backbone.know(known, heads)
    return wish == "continued"


def _refuse_other_answers(bundle: Path, wish: str) -> None:
    """What holds on to a head takes its answers for a choice of one class."""
    task = str((read_meta(bundle).get("task") or {}).get("_target_", ONE_CLASS))
    if task != ONE_CLASS:
        raise ConfigError(
            f"init_head={wish} keeps heads that choose one class, and that of {bundle} was trained by "
            f"{task.rpartition('.')[2]}, whose numbers are no such choice",
            fix="init_head=new, and regularizer=l2sp to hold on to its weights",
        )


def _without_earlier_states(
    known: list[KnownHead], heads: list[nn.Module]
) -> tuple[list[KnownHead], list[nn.Module]]:
    """Of a head that went on from another one, the newest state alone."""
    newest = known[-1].classes
    left = [number for number, each in enumerate(known[:-1]) if each.classes != newest]
    left.append(len(known) - 1)
    return [known[number] for number in left], [heads[number] for number in left]


def _refuse_doubled(known: list[KnownHead]) -> None:
    names = [name for each in known for name in each.classes]
    doubled = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if doubled:
        raise ConfigError(
            f"two heads that init_head keeps tell {doubled[0]!r} apart, and samples of a source could not "
            "say which is meant",
            fix="init_head=continued, where it is the same class, or another name for it",
        )
