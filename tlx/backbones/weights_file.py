"""Weights from a file: hashed, read without running anything in it, matched by name."""

import argparse
import hashlib
import os
import pickle
import pickletools
import re
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tlx.backbones.weights_header import check_header
from tlx.backbones.weights_layout import check_finite, unwrapped
from tlx.errors import CheckpointError, SecurityError, bad_value

__all__ = [
    "check_sha256",
    "fill",
    "mismatches",
    "read_tensors",
    "refuse_code",
    "refuse_compressed",
    "sha256_of",
]

_scalar = np.float64(0).__reduce__()[0]
_HARMLESS: list[Any] = [argparse.Namespace, np.dtype, np.dtypes.Float64DType, np.dtypes.Float32DType]
_HARMLESS += [np.dtypes.Int64DType, (_scalar, "numpy.core.multiarray.scalar"), _scalar]
"""What training scripts save beside the weights: their arguments, and numbers of numpy."""

_WAYS_OUT = "another FILE in model.weights=FILE, or model.weights=null for random values"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        CheckpointError: There is no such file.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(
            f"the weights file {str(path)!r} cannot be opened: {error.strerror}", fix=_WAYS_OUT
        ) from error


def check_sha256(path: Path, found: str, expected: str, origin: str) -> None:
    """Hold a file's hash against the one it should have.

    Args:
        path: The file.
        found: Its SHA-256.
        expected: 8 to 64 hexadecimal digits that the hash should begin with.
        origin: Where `expected` comes from, for people.

    Raises:
        ConfigError: `expected` is no SHA-256.
        CheckpointError: The file is another one.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{8,64}", expected):
        raise bad_value("sha256", expected, "8 to 64 hexadecimal digits")
    if not found.startswith(expected.lower()):
        raise CheckpointError(
            f"{str(path)!r} is not the expected file: its SHA-256 is {found[:16]}..., "
            f"{origin} says {expected[:16].lower()}",
            fix="get the file again (a download may have broken off), or correct what names the hash",
        )


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors in a file of PyTorch or safetensors, by name.

    A file that holds them under `state_dict`, `model` and the like, beside an optimizer, or under
    names that begin with `module.` or `_orig_mod.`, is read as if it did not.

    Raises:
        SecurityError: The file asks to run code.
        CheckpointError: The file cannot be read, or holds no tensors.
    """
    try:
        refuse_compressed(path)
        if path.suffix == ".safetensors":
            check_header(path)
            return dict(load_file(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols that are refused anyway
            with torch.serialization.safe_globals(_HARMLESS):
                content = torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # what is wrong with a file decides what torch raises
        if path.suffix != ".safetensors":
            refuse_code(error, str(path))
        raise _unreadable(path, error) from error
    tensors = unwrapped(content, path.name)
    if tensors is None:
        raise CheckpointError(
            f"{str(path)!r} holds no state_dict", fix="torch.save(model.state_dict(), FILE)"
        )
    return tensors


def refuse_code(error: BaseException, path: str) -> None:
    """Raise when an unpickling error, or one it follows from, was an object that is no tensor.

    Args:
        error: What reading raised.
        path: What was read; a file that torch does not take for one of its own is looked through.

    Raises:
        SecurityError: The file asks to run code.
    """
    chain: BaseException | None = error
    while chain is not None:
        asked = re.search(r"GLOBAL ([\w.]+)", str(chain))
        if isinstance(chain, pickle.UnpicklingError) and asked:
            raise _refusal(path, asked[1]) from error
        chain = chain.__cause__ or chain.__context__
    if "TorchScript" in str(error):
        raise _refusal(path, "TorchScript, which is code") from error
    if os.path.isfile(path) and (call := _called(Path(path))):
        raise _refusal(path, call) from error


def refuse_compressed(path: Path) -> None:
    """Refuse a file whose records unpack to more than it holds; torch never packs them.

    Raises:
        CheckpointError: It is such a file.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as held:
            packed = any(record.compress_type != zipfile.ZIP_STORED for record in held.infolist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):  # torch says what is wrong with it
        return
    if packed:
        raise CheckpointError(
            f"{str(path)!r} holds packed records, which torch.save does not write", fix=_WAYS_OUT
        )


def mismatches(model: nn.Module, tensors: Mapping[str, Tensor]) -> tuple[list[str], list[str]]:
    """Names that the model has and the file lacks, and the reverse; both list other shapes."""
    own = model.state_dict()
    missing = [name for name in own if name not in tensors and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in tensors if name not in own]
    shapes = [
        f"{name} {tuple(tensors[name].shape)} for {tuple(own[name].shape)}"
        for name in own
        if name in tensors and tensors[name].shape != own[name].shape
    ]
    return missing, unexpected + shapes


def fill(model: nn.Module, tensors: Mapping[str, Tensor], path: Path, advice: Callable[[], str]) -> None:
    """Copy a file's tensors into a model, all of them or none.

    Args:
        model: Has the names and shapes.
        tensors: From `read_tensors`.
        path: Where they come from, for people.
        advice: Says what to try when they do not fit.

    Raises:
        CheckpointError: Names or shapes do not match, or a value is not finite.
    """
    missing, unexpected = mismatches(model, tensors)
    if missing or unexpected:
        raise CheckpointError(
            f"{str(path)!r} does not fit: {len(missing)} tensors are missing ({_first(missing)}), "
            f"{len(unexpected)} are unexpected ({_first(unexpected)})",
            fix=advice(),
        )
    check_finite(tensors, model, path)
    model.load_state_dict(dict(tensors), strict=False)


def _refusal(path: str, asked: str) -> SecurityError:
    return SecurityError(
        f"{path!r} asks for more than tensors ({asked}); nothing of it was run",
        fix="a file made by torch.save(model.state_dict(), FILE), from someone you trust",
    )


def _called(path: Path) -> str:
    """What a plain pickle, which torch does not read, would import; empty when it is none."""
    found = ""
    try:
        with path.open("rb") as file:
            for code, value, _ in pickletools.genops(file):
                if code.name in ("GLOBAL", "STACK_GLOBAL", "INST", "REDUCE") and not found:
                    found = str(value or code.name).replace(" ", ".")
    except Exception:  # no pickle at all
        return ""
    return found


def _first(names: list[str]) -> str:
    return ", ".join(names[:3]) or "none"


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    reason = str(error).strip().partition("\n")[0][:200]
    if isinstance(error, KeyError | EOFError | struct.error):  # torch's words are an opcode, or none
        reason = "it was not written by torch.save, or is cut off"
    return CheckpointError(f"the weights file {str(path)!r} cannot be read: {reason}", fix=_WAYS_OUT)
