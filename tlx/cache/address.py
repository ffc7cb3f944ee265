"""What values depend on, as one hash: the same address, the same bits."""

import functools
import hashlib
import inspect
import json
import platform
import sys
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import torch
from torch import nn

import tlx
from tlx.backbones.staged import StagedBackbone
from tlx.cache.part import Part
from tlx.data.datamodule import TransferData
from tlx.made_by import PACKAGES, version
from tlx.types import Preprocessing, Split

__all__ = [
    "address",
    "arithmetic",
    "code_digest",
    "prefix_digest",
    "preprocessing_digest",
    "reading_digest",
    "rooms_digest",
    "split_key",
    "values_address",
]

FORMAT = 1
LIBRARIES = {"torch": "torch", "torchvision": "torchvision", "numpy": "numpy"} | PACKAGES
"""Packages whose code is known by its version: as they are imported, and as they are installed."""
READING = ("preprocessing", "data", "backbones")
"""What of tlx has a part in the values: samples are decoded and prepared there, networks are cut."""

_sources: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()


def address(**parts: Any) -> str:
    """A hash of plain values, 32 hexadecimal digits.

    >>> address(a=1, b=[2]) == address(b=[2], a=1), address(a=1) == address(a=2)
    (True, False)
    """
    text = json.dumps({"format": FORMAT, **parts}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def values_address(
    backbone: StagedBackbone,
    frontier: int,
    data: TransferData,
    part: Part,
    device: torch.device,
    settings: Mapping[str, Any],
    **more: Any,
) -> str:
    """Of what the stages below a frontier make of a split.

    Args:
        backbone: Frozen below the frontier.
        frontier: How many stages that are.
        data: What reads the samples.
        part: The samples, and their variations.
        device: Where to compute.
        settings: Precision and the like, as plain values.
        **more: What else the bits depend on, as plain values.
    """
    return address(
        weights=prefix_digest(backbone, frontier),
        code=code_digest(backbone),
        backbone=str(backbone.recipe),
        frontier=frontier,
        preprocessing=preprocessing_digest(backbone.preprocessing),
        samples=split_key(part.split),
        reading=reading_digest(part.split, backbone.preprocessing),
        variation=None if part.views is None else [part.views, data.seed, data.source.flip],
        block=part.block(data.eval_batch_size),
        arithmetic=arithmetic(device, settings),
        **more,
    )


def prefix_digest(backbone: StagedBackbone, frontier: int) -> str:
    """SHA-256 over the names and values of all that lies below a frontier."""
    digest = hashlib.sha256()
    for stage in list(backbone.stages)[:frontier]:
        for name, tensor in sorted(backbone.stage_tensors(stage).items()):
            digest.update(f"{stage} {name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(raw.numpy().data)
    return digest.hexdigest()


def code_digest(net: nn.Module) -> str:
    """SHA-256 over the source of every class of a network that comes from no versioned library.

    Functions that those classes call are not seen; a batch compared at the start of each phase is
    what finds those out.
    """
    return _source_digest({type(module) for module in net.modules()})


def reading_digest(split: Split, preprocessing: Preprocessing) -> str:
    """SHA-256 over the source that turns the files of a split into what a network reads.

    That of tlx, and of the classes of a trusted package with those they are derived from.
    """
    kinds = {kind for each in (split, preprocessing) for kind in type(each).__mro__ if kind is not object}
    return address(tlx=rooms_digest(*READING), own=_source_digest(kinds))


def _source_digest(kinds: Iterable[type]) -> str:
    known = {*LIBRARIES, "typing", "builtins"}
    own = [kind for kind in kinds if kind.__module__.partition(".")[0] not in known]
    digest = hashlib.sha256()
    for kind in sorted(own, key=lambda each: f"{each.__module__}.{each.__qualname__}"):
        digest.update(f"{kind.__module__}.{kind.__qualname__}\n".encode())
        digest.update(_source(kind).encode())
    return digest.hexdigest()


def _source(kind: type) -> str:
    """The source of a class, looked up once: Python parses the whole file for it.

    Empty where it was made in a session; the compared batch has to do.
    """
    if kind not in _sources:
        try:
            _sources[kind] = inspect.getsource(kind)
        except (OSError, TypeError):
            _sources[kind] = ""
    return _sources[kind]


@functools.cache
def rooms_digest(*rooms: str) -> str:
    """SHA-256 over the source of rooms of tlx."""
    digest = hashlib.sha256()
    for room in rooms:
        for file in sorted(Path(tlx.__file__).parent.joinpath(room).glob("*.py")):
            digest.update(f"{room}/{file.name}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def preprocessing_digest(preprocessing: Preprocessing) -> str:
    """SHA-256 over all settings of a preprocessing, and over the files it would save."""
    digest = hashlib.sha256(json.dumps(preprocessing.describe(), sort_keys=True, default=str).encode())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        preprocessing.save(folder)
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(str(file.relative_to(folder)).encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def split_key(split: Split) -> str:
    """What changes when a sample does: of files, their paths, sizes and times of last change."""
    state = getattr(split, "state", split.fingerprint)
    return str(state())


def arithmetic(device: torch.device, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the bits of a computation depend on beside its inputs.

    Args:
        device: Where it happens.
        settings: Precision and the like, as plain values.
    """
    if device.type == "cuda":
        where = torch.cuda.get_device_name(device)
    else:
        where = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()} {torch.get_num_threads()}"
    return {"device": where, "versions": _versions(), **settings}


def _versions() -> dict[str, str]:
    found = {"python": ".".join(map(str, sys.version_info[:2]))}
    for name, installed in LIBRARIES.items():
        if name in sys.modules:
            try:
                found[name] = version(installed)
            except PackageNotFoundError:
                found[name] = "unknown"
    return found
