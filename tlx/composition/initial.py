"""`init_from`: a new run that starts from the backbone of a finished one."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tlx.backbones.staged import StagedBackbone
from tlx.checkpoint.bundle import HERE, inside, read_meta, start_from
from tlx.composition.groups import choices
from tlx.composition.resolve import differences
from tlx.errors import CheckpointError, ConfigError
from tlx.run.directory import refuse_several

__all__ = ["backbone_of", "bundle_of", "known_folder"]

OFF = {"weights": None, "sha256": None, "pretrained": False}
"""Where a model's own weights would come from, and what turns that off: the run brings them."""

WHICH = ("_target_", "name")
"""What says which model it is; the rest is how it is set."""

FREE = frozenset({*OFF, "original_classes", "strict"})
"""Settings of weights, which may be others than those of the run."""


def bundle_of(run: str) -> Path:
    """The bundle of a run directory, or the folder itself where it is one.

    Raises:
        CheckpointError: There is no such folder, or it holds several runs.
    """
    folder = Path(run)
    if not folder.is_dir():
        raise CheckpointError(
            f"init_from={run!r} is not there; a run needs it when it starts and when it goes on",
            fix="init_from=RUN, a finished run or its bundle; or put it back",
        )
    refuse_several(folder)
    return folder / "bundle" if (folder / "bundle").is_dir() else folder


def known_folder(run: str) -> Path:
    """Where a run lies what it held on to; the folder is there only if it held on to anything."""
    bundle = bundle_of(run)
    return (bundle.parent if bundle.name == "bundle" else bundle) / "known"


def backbone_of(
    run: str,
    node: Mapping[str, Any],
    build: Callable[[Mapping[str, Any]], StagedBackbone],
    trust: Iterable[str] = (),
    model: StagedBackbone | None = None,
) -> StagedBackbone:
    """A backbone with the weights and the preprocessing of a finished run.

    Args:
        run: A finished run, or a bundle.
        node: The config of the model, without its head. What it leaves open (null) is what
            the run has.
        build: Makes a backbone of such a node.
        trust: Packages whose code the bundle may name.
        model: Stands for the node; it is filled in place.

    Raises:
        ConfigError: The run has another model, or the same one set otherwise.
        CheckpointError: The run has no bundle, or its weights do not fit.
        SecurityError: The bundle names code that nobody trusts.
    """
    folder = bundle_of(run)
    if model is None:
        model = build(_adopted(node, read_meta(folder)["backbone"], folder, run))
    start_from(model, folder, trust)
    return model


def _adopted(node: Mapping[str, Any], recipe: Mapping[str, Any], folder: Path, run: str) -> dict[str, Any]:
    """The config of the model without weights of its own, what it leaves open as the run has it."""
    if any(_another(key, node, recipe) for key in WHICH) or _built_by(node) != _built_by(recipe):
        raise ConfigError(
            f"the run {_shown(run)} has the model {_words(recipe)}, and this config has {_words(node)}",
            fix=f"{_choice(recipe)}, or another init_from",
        )
    found = {key: OFF.get(key, node[key]) for key in node}
    for key, theirs in inside(recipe, folder).items():
        if found.get(key, "") is None and key not in FREE:
            found[key] = theirs
    shared = [key for key in node if key in recipe and key not in (*FREE, "name") and _plain(recipe[key])]
    mine = {key: found[key] for key in shared}
    other = list(differences(mine, {key: recipe[key] for key in shared}))
    if other:
        said = ", ".join(f"model.{key}={now!r} here and {theirs!r} there" for key, now, theirs in other)
        fix = " ".join(_setting(key, now, theirs) for key, now, theirs in other)
        raise ConfigError(f"the run {_shown(run)} has the same model set otherwise: {said}", fix=fix)
    return found


def _setting(key: str, now: Any, theirs: Any) -> str:
    """The word of a command line that sets a key as the run has it."""
    if key.startswith("net.") and theirs is None:
        return f"no +model.{key}"
    added = "+" if key.startswith("net.") and now is None else ""
    return f"{added}model.{key}={'null' if theirs is None else str(theirs).replace(' ', '')}"


def _another(key: str, node: Mapping[str, Any], recipe: Mapping[str, Any]) -> bool:
    """Whether a name is another one; a tag behind a dot only says which weights are meant."""
    mine, theirs = str(node.get(key, "")), str(recipe.get(key, ""))
    if key == "name" and _plain(theirs):
        mine, theirs = mine.partition(".")[0], theirs.partition(".")[0]
    return mine != theirs and _plain(theirs)


def _plain(value: Any) -> bool:
    return not (isinstance(value, str) and value.startswith(HERE))


def _built_by(node: Mapping[str, Any]) -> str:
    net = node.get("net")
    return str(net.get("_target_", "")) if isinstance(net, Mapping) else ""


def _words(node: Mapping[str, Any]) -> str:
    library = str(node.get("_target_", "")).rpartition(".")[2]
    which = _built_by(node) or str(node.get("name", ""))
    return f"{which} ({library})" if which and _plain(which) else library


def _choice(recipe: Mapping[str, Any]) -> str:
    """The words of a command line that choose a recipe's model."""
    library, name = str(recipe.get("_target_", "")).rpartition(".")[2], str(recipe.get("name", ""))
    if name in choices("model"):
        return f"model={name}"
    if _built_by(recipe):
        return f"model={library} model.net._target_={_built_by(recipe)}"
    if not _plain(name):
        return f"model={library} model.name=FOLDER"
    return f"model={library} model.name={name}" if name else f"model={library}"


def _shown(run: str) -> str:
    return os.path.basename(run.rstrip(os.sep)) or run
