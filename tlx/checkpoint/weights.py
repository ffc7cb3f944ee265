"""A network's weights as safetensors, with the hash that proves them."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from tlx.checkpoint.durable import file_hash, write_durably
from tlx.errors import CheckpointError

__all__ = ["load_weights", "save_weights"]


def save_weights(net: nn.Module, path: Path) -> str:
    """Write parameters and buffers durably; return the SHA-256 of the file."""
    tensors = {name: t.detach().cpu().contiguous().clone() for name, t in net.state_dict().items()}
    return write_durably(path, lambda to: save_file(tensors, to))


def load_weights(net: nn.Module, path: Path, sha256: str | None = None, part: str = "") -> None:
    """Read parameters and buffers into `net`, in place.

    Args:
        net: Same names and shapes as the network that was saved, or as a part of it.
        path: The file.
        sha256: What its hash must be; None: not checked.
        part: What the names of the part begin with in the file; empty: `net` is the whole.

    Raises:
        CheckpointError: The file is missing, damaged, or of another network.
    """
    if not path.is_file():
        raise CheckpointError("no such weights", where=str(path))
    if sha256 is not None and file_hash(path) != sha256:
        raise CheckpointError("the weights are damaged: their SHA-256 is another", where=str(path))
    try:
        tensors = {n.removeprefix(part): t for n, t in load_file(path).items() if n.startswith(part)}
    except SafetensorError as error:
        raise CheckpointError(f"cannot read the weights ({error})", where=str(path)) from error
    own = net.state_dict()
    both = own.keys() & tensors.keys()
    differing = sorted((own.keys() ^ tensors.keys()) | {n for n in both if own[n].shape != tensors[n].shape})
    if differing:
        raise CheckpointError(
            f"the weights are of another network: {len(differing)} names or shapes differ, "
            f"first {', '.join(differing[:3])}",
            where=str(path),
        )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[name])
