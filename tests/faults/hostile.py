"""What an attacker would hand over: pickles that run code, each with a file that tells if it did."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


class Calls:
    """Unpickles as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


def by_system(canary: Path) -> Any:
    return {"state_dict": {"w": Calls(os.system, f"touch {canary}")}}


def by_eval(canary: Path) -> Any:
    return {"state_dict": {"w": Calls(eval, f"open({str(canary)!r}, 'w')")}}


def by_exec(canary: Path) -> Any:
    return Calls(exec, f"open({str(canary)!r}, 'w')")


def in_a_storage(canary: Path) -> Any:
    """A tensor whose parts are made by a call."""
    rebuild, storage = torch._utils._rebuild_tensor_v2, Calls(os.mkdir, str(canary))
    return {"w": Calls(rebuild, storage, 0, (1,), (1,), False, {})}


def nested(canary: Path) -> Any:
    """A whole file in another, to be loaded by what loads the outer one."""
    inner = io.BytesIO()
    torch.save(by_exec(canary), inner)
    return {"w": torch.ones(1), "more": Calls(torch.load, Calls(io.BytesIO, inner.getvalue()))}


KINDS = {function.__name__: function for function in (by_system, by_eval, by_exec, in_a_storage, nested)}

INSTANTIATOR = {
    "hyper_parameters": {"_instantiator": "os.system", "_class_path": "os.system", "command": "touch CANARY"},
    "datamodule_hyper_parameters": {"_instantiator": "os.system"},
    "_instantiator": "os.system",
    "hparams_name": "kwargs",
}
"""Keys by which Lightning before 2.6.6 ran code that a checkpoint named (CVE-2026-58659)."""


def save(content: Any, path: Path) -> None:
    torch.save(content, path)


def save_plain(content: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, 2))


def save_packed(content: Any, path: Path) -> None:
    """As torch does, with records that unpack to much more."""
    torch.save({"w": torch.zeros(1 << 22)}, path)
    with zipfile.ZipFile(path) as held:
        records = {name: held.read(name) for name in held.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in records.items():
            packed.writestr(name, data)
