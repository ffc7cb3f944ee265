"""The bundle: all that using a trained network takes, and nothing that runs by itself.

Weights are safetensors, the rest is JSON. What builds the network is tlx's own code, named in
recipes; a bundle cannot name anything else but what the person trusts who loads it.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor, nn

from tlx.backbones.known_heads import KnownHead
from tlx.backbones.staged import StagedBackbone
from tlx.checkpoint.durable import write_durably
from tlx.checkpoint.weights import load_weights, save_weights
from tlx.errors import CheckpointError, printable
from tlx.functional.calibration import HIGH, LOW
from tlx.made_by import FORMAT, refuse_newer
from tlx.modules.network import Network
from tlx.recipe import build
from tlx.types import Preprocessing, Task
from tlx.withheld import with_environment, without_withheld

__all__ = ["Bundle", "heads_of", "inside", "load_bundle", "read_meta", "start_from", "write_bundle"]

NEEDED = {"backbone": dict, "head": dict, "preprocessing": dict, "classes": list, "weights_sha256": str}
"""What bundle.json must hold."""

LARGEST = 1 << 26
"""Bytes of bundle.json."""

DEFAULT_TASK = {"_target_": "tlx.tasks.multiclass.Multiclass"}
"""Of bundles that name none."""
OF_BACKBONE, OF_HEAD, OF_KNOWN = "backbone.net.", "head.", "backbone.original_head.heads.{}."
"""Begin the names of the weights that are the backbone's, the head's, and those of a head kept beside it."""

HERE = "bundle:"
"""Begins a value of a recipe that is a path inside the bundle."""


@dataclass(frozen=True)
class Bundle:
    """A trained network with what it takes to use it.

    Args:
        network: In evaluation mode.
        preprocessing: What every input goes through.
        classes: Names of the K outputs.
        task: What the outputs say.
        meta: The rest of bundle.json.
    """

    network: Network
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    task: Task
    meta: dict[str, Any]


def write_bundle(
    folder: Path,
    network: Network,
    head_recipe: Mapping[str, Any],
    classes: Sequence[str],
    moments: Mapping[str, Tensor],
    meta: Mapping[str, Any],
) -> str:
    """Write a bundle; bundle.json comes last and holds the hash of the weights.

    Args:
        folder: Where it shall lie.
        network: The trained network.
        head_recipe: Builds its head again, given `in_features` and `classes`.
        classes: Names of the outputs.
        moments: `mean` (D,) and `covariance` (D, D) of the training features, and their `count`.
        meta: Fingerprints, versions, settings of evaluation, figures for the card.

    Returns:
        The SHA-256 of the weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    backbone = network.backbone
    backbone.save_architecture(folder / "architecture")
    backbone.preprocessing.save(folder)
    digest = save_weights(network, folder / "model.safetensors")
    tensors = {name: tensor.float().cpu().contiguous() for name, tensor in moments.items()}
    write_durably(folder / "features.safetensors", lambda to: save_file(tensors, to))
    content = without_withheld(meta) | {
        "format": FORMAT,
        "weights_sha256": digest,
        "classes": list(classes),
        "backbone": without_withheld(backbone.recipe),
        "head": without_withheld(head_recipe),
        "known": [{"head": without_withheld(k.recipe), "classes": list(k.classes)} for k in backbone.known],
        "preprocessing": without_withheld(backbone.preprocessing.describe()),
        "temperature": network.temperature,
    }
    card = _card(content).encode("utf-8", "replace")  # a folder's name need not be Unicode
    write_durably(folder / "README.md", lambda to: to.write_bytes(card))
    write_durably(folder / "bundle.json", lambda to: to.write_text(json.dumps(content, indent=1)))
    return digest


def load_bundle(folder: Path, trust: Iterable[str] = ()) -> Bundle:
    """Build the network of a bundle and load its weights.

    Args:
        folder: Where it lies.
        trust: Further packages whose code it may name.

    Raises:
        CheckpointError: The bundle is missing, damaged, or made by a newer tlx.
        SecurityError: It names something that is neither tlx's own nor trusted.
    """
    trust = tuple(trust)
    meta = read_meta(folder)
    backbone = build(inside(meta["backbone"], folder), trust=trust)
    backbone.preprocessing = build(inside(meta["preprocessing"], folder), trust=trust)
    classes = tuple(meta["classes"])
    head = _head(backbone, KnownHead(meta["head"], classes), trust)
    known = _known(meta)
    if known:
        backbone.know(known, [_head(backbone, each, trust) for each in known])
    task: Task = build(meta.get("task", DEFAULT_TASK), trust=trust)
    network = Network(backbone, head, task.output(None, classes))
    load_weights(network, folder / "model.safetensors", meta["weights_sha256"])
    network.temperature = float(meta.get("temperature", 1.0))
    network.eval()
    return Bundle(network, backbone.preprocessing, classes, task, meta)


def read_meta(folder: Path) -> dict[str, Any]:
    """What bundle.json holds.

    Raises:
        CheckpointError: It is missing, damaged, or made by a newer tlx.
    """
    path = folder / "bundle.json"
    if not path.is_file():
        raise CheckpointError(
            "no bundle: there is no bundle.json", where=str(folder), fix="a run that has finished"
        )
    if path.stat().st_size > LARGEST:
        raise CheckpointError(f"bundle.json is larger than {LARGEST} bytes", where=str(path))
    try:
        meta: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        versions = meta.get("versions", {})
        mark = {"format": meta["format"], "tlx": versions.get("tlx")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise CheckpointError(f"cannot read bundle.json ({error!r:.200})", where=str(path)) from error
    refuse_newer(mark, "the bundle", path)
    for key, kind in NEEDED.items():
        if not isinstance(meta.get(key), kind):
            raise CheckpointError(f"bundle.json lacks a usable {key!r}", where=str(path))
    if not all(isinstance(name, str) for name in meta["classes"]):
        raise CheckpointError("bundle.json names classes that are no text", where=str(path))
    temperature = meta.get("temperature", 1.0)  # bundles of before there were any have none
    if not (isinstance(temperature, float | int) and LOW <= temperature <= HIGH):
        raise CheckpointError(f"bundle.json has no usable temperature: {temperature!r:.40}", where=str(path))
    return meta


def start_from(backbone: StagedBackbone, folder: Path, trust: Iterable[str] = ()) -> None:
    """Give a backbone the weights and the preprocessing of a bundle's, and leave out its head.

    Args:
        backbone: Of the same names and shapes; filled in place.
        folder: Where the bundle lies.
        trust: Further packages whose code it may name.

    Raises:
        CheckpointError: It is missing or damaged, or of another network.
        SecurityError: It names something that is neither tlx's own nor trusted.
    """
    meta = read_meta(folder)
    preprocessing = build(inside(meta["preprocessing"], folder), trust=tuple(trust))
    digest = str(meta["weights_sha256"])
    load_weights(backbone.net, folder / "model.safetensors", digest, OF_BACKBONE)
    run = folder.parent if folder.name == "bundle" else folder
    backbone.preprocessing = preprocessing
    backbone.weights = f"run {run.name}, sha256 {digest[:12]}"


def heads_of(
    backbone: StagedBackbone, folder: Path, trust: Iterable[str] = ()
) -> tuple[list[KnownHead], list[nn.Module]]:
    """The heads that a bundle holds, those that its run kept of earlier ones first, its own last.

    Args:
        backbone: What they stand on.
        folder: Where the bundle lies.
        trust: Further packages whose code it may name.

    Raises:
        CheckpointError: It is missing or damaged.
        SecurityError: It names something that is neither tlx's own nor trusted.
    """
    meta, trust = read_meta(folder), tuple(trust)
    known = [*_known(meta), KnownHead(meta["head"], tuple(meta["classes"]))]
    heads = [_head(backbone, each, trust) for each in known]
    for number, head in enumerate(heads):
        part = OF_KNOWN.format(number) if number < len(heads) - 1 else OF_HEAD
        load_weights(head, folder / "model.safetensors", meta["weights_sha256"], part)
    return known, heads


def _known(meta: Mapping[str, Any]) -> list[KnownHead]:
    return [KnownHead(each["head"], tuple(each["classes"])) for each in meta.get("known", [])]


def _head(backbone: StagedBackbone, known: KnownHead, trust: tuple[str, ...]) -> nn.Module:
    classes = len(known.classes)
    head: nn.Module = build(known.recipe, trust=trust, in_features=backbone.out_features, classes=classes)
    return head


def inside(recipe: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A recipe with its paths inside the bundle, and what the environment lent, as they are here."""
    return {key: _inside(value, folder) for key, value in recipe.items()}


def _inside(value: Any, folder: Path) -> Any:
    if isinstance(value, Mapping):
        return {key: _inside(inner, folder) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_inside(inner, folder) for inner in value]
    if not isinstance(value, str):
        return value
    if value.startswith(HERE):
        return str(folder / (Path(value.removeprefix(HERE)).name.strip(".") or "nothing"))
    return with_environment(value)


def _card(content: Mapping[str, Any]) -> str:
    lines = [f"# {_plain(content.get('title', 'A network trained with tlx'))}", ""]
    figures = content.get("figures", {})
    lines += [f"* {name}: {_plain(value)}" for name, value in figures.items()]
    lines += [
        "",
        f"Classes: {', '.join(_plain(name) for name in content['classes'][:50])}",
        "",
        "`model.safetensors` holds the weights, `bundle.json` how to build network and preprocessing,",
        "`features.safetensors` mean, covariance and number of the training features.",
        "",
        "```python",
        "import tlx",
        "",
        'network, transform = tlx.load("THIS_RUN")',
        "```",
        "",
    ]
    return "\n".join(lines)


def _plain(text: Any) -> str:
    """Text from outside as one line that Markdown, and the HTML in it, leaves as it is."""
    return re.sub(r"([\\`*_\[\]<>#|&!~])", r"\\\1", printable(text, 200))
