import json
import resource
import struct
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.faults.processes import run_ranks
from tlx.backbones.weights_file import read_tensors
from tlx.backbones.weights_header import check_header
from tlx.checkpoint.weights import load_weights
from tlx.errors import CheckpointError


def written(path: Path, header: bytes, data: bytes = b"", length: int | None = None) -> Path:
    path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + data)
    return path


def tensor(*offsets: int) -> dict[str, object]:
    return {"dtype": "F32", "shape": [(offsets[1] - offsets[0]) // 4], "data_offsets": list(offsets)}


HOSTILE = {
    "empty": (b"", b"", 0),
    "no end": (b"{}", b"", 1 << 60),
    "cut off": (b"{}", b"", 200),
    "no JSON": (b"{nothing", b"", None),
    "overlap": (json.dumps({"a": tensor(0, 8), "b": tensor(4, 12)}).encode(), bytes(12), None),
    "hole": (json.dumps({"a": tensor(0, 4), "b": tensor(8, 12)}).encode(), bytes(12), None),
    "beyond the end": (json.dumps({"a": tensor(0, 1 << 40)}).encode(), bytes(12), None),
    "no UTF-8": (b'{"\xff\xfe": 1}', b"", None),
    "huge": (b" " * (99 << 20), b"", None),
}


def read_all(paths: list[Path], grown: Path) -> None:
    """In a process that has done nothing else: write by how much its memory grew."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path in paths:
        for read in (read_tensors, lambda path: load_weights(nn.Linear(1, 1), path)):
            with pytest.raises(CheckpointError) as caught:
                read(path)
            assert caught.value.exit_code == 4
    grown.write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))


def test_hostile_files_are_refused_in_bounded_memory(tmp_path: Path) -> None:
    paths = [written(tmp_path / f"{name}.safetensors", *parts) for name, parts in HOSTILE.items()]
    assert run_ranks(read_all, paths, tmp_path / "grown", ranks=1) == [0]
    scale = 1 if sys.platform == "darwin" else 1024
    assert int((tmp_path / "grown").read_text()) * scale < 200 << 20


def test_a_sound_header_is_let_through(tmp_path: Path) -> None:
    save_file({"a": torch.ones(3)}, tmp_path / "w.safetensors")
    check_header(tmp_path / "w.safetensors")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere.*cannot be read"):
        check_header(tmp_path / "nowhere")
