"""A network's weights as safetensors, with the hash that proves them."""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from tlx.backbones.weights_header import check_header
from tlx.checkpoint.belonging import differing, shapes_of
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
    check_header(path)
    own = net.state_dict()
    try:
        with safe_open(path, framework="pt") as held:
            names = {name.removeprefix(part): name for name in held.keys() if name.startswith(part)}  # noqa: SIM118
            shapes = {short: tuple(held.get_slice(name).get_shape()) for short, name in names.items()}
            others = list(differing(shapes, shapes_of(own)))
            if others:
                raise CheckpointError(
                    f"the weights are of another network: {len(others)} names or shapes differ, "
                    f"first {'; '.join(others[:3])}",
                    where=str(path),
                )
            with torch.no_grad():
                for short, name in names.items():
                    own[short].copy_(held.get_tensor(name))
    except SafetensorError as error:
        raise CheckpointError(f"cannot read the weights ({error})", where=str(path)) from error
