import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from torch import nn

from tests.faults.processes import run_ranks
from tlx.checkpoint import durable
from tlx.checkpoint.durable import DurableCheckpointIO, checkpoints, file_hash, newest, read, write_durably
from tlx.checkpoint.weights import save_weights
from tlx.errors import CheckpointError, ResourceError, SecurityError


def save(folder: Path, position: int, value: float = 0.0) -> Path:
    path = folder / f"{position:012d}.ckpt"
    DurableCheckpointIO().save_checkpoint({"value": torch.tensor(value)}, path)
    return path


def flip_a_bit(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1
    path.write_bytes(bytes(content))


def test_a_writer_that_fails_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "result"
    path.write_text("old")

    def fail(to: Path) -> None:
        to.write_text("half")
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        write_durably(path, fail)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("result", "old")]


def test_the_temporary_lies_in_the_same_directory_and_the_hash_is_returned(tmp_path: Path) -> None:
    seen: list[Path] = []

    def write(to: Path) -> None:
        seen.append(to)
        to.write_text("new")

    digest = write_durably(tmp_path / "result", write)
    assert seen[0].parent == tmp_path
    assert digest == file_hash(tmp_path / "result")


def test_a_file_is_as_readable_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_durably(tmp_path / "result", lambda to: to.touch(0o600))
    finally:
        os.umask(before)
    assert (tmp_path / "result").stat().st_mode & 0o777 == 0o644


def test_the_newest_is_the_last_by_position_not_by_time(tmp_path: Path) -> None:
    late = save(tmp_path, 40)
    save(tmp_path, 9)
    assert newest(tmp_path) == late
    assert [path.name for path in checkpoints(tmp_path)] == ["000000000009.ckpt", "000000000040.ckpt"]


@pytest.mark.parametrize("place", [0, 101, 555, -1])
def test_a_flipped_bit_is_found_and_the_one_before_is_taken(tmp_path: Path, place: int) -> None:
    good = save(tmp_path, 1)
    flip_a_bit(save(tmp_path, 2), place)
    assert newest(tmp_path) == good


def test_a_truncated_or_unaccompanied_checkpoint_is_passed_over(tmp_path: Path) -> None:
    good = save(tmp_path, 1)
    cut = save(tmp_path, 2)
    cut.write_bytes(cut.read_bytes()[:-10])
    (tmp_path / f"{save(tmp_path, 3).name}.sha256").unlink()
    assert newest(tmp_path) == good


def test_when_all_are_damaged_it_says_so(tmp_path: Path) -> None:
    flip_a_bit(save(tmp_path, 1), 7)
    with pytest.raises(CheckpointError, match="all 1 checkpoints are damaged"):
        newest(tmp_path)


def test_an_empty_folder_has_no_newest_and_leftovers_are_swept(tmp_path: Path) -> None:
    leftover = tmp_path / ".000000000001.ckpt.123.tmp"
    leftover.touch()
    assert newest(tmp_path) is None
    assert not leftover.exists()


def test_the_hash_is_in_place_before_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    replace = os.replace

    def watched(source: object, target: object) -> None:
        order.append(Path(str(target)).suffix)
        replace(str(source), str(target))

    monkeypatch.setattr(durable.os, "replace", watched)
    save(tmp_path, 1)
    assert order == [".sha256", ".ckpt"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("I/O error: No space left on device (os error 28)"),
        RuntimeError(
            "[enforce fail at inline_container.cc:668] PytorchStreamWriter failed writing file data/1"
        ),
        RuntimeError("[enforce fail at inline_container.cc:671] . unexpected pos 68928 vs 68824"),
    ],
    ids=["os", "safetensors", "torch", "torch at the end"],
)
def test_a_full_disk_is_said_in_one_way_whoever_writes(tmp_path: Path, error: Exception) -> None:
    def fail(to: Path) -> None:
        raise error

    with pytest.raises(ResourceError, match="cannot write result.*Try: free some space"):
        write_durably(tmp_path / "result", fail)


@pytest.mark.parametrize(
    "error", [OSError(errno.EFBIG, "File too large"), SafetensorError("I/O error: x (os error 27)")]
)
def test_a_limit_on_the_size_of_files_is_no_full_disk(tmp_path: Path, error: Exception) -> None:
    def fail(to: Path) -> None:
        raise error

    with pytest.raises(ResourceError, match="limit on the size of files.*Try: ulimit -f unlimited"):
        write_durably(tmp_path / "result", fail)


def test_another_error_of_a_writer_is_left_as_it_is(tmp_path: Path) -> None:
    def fail(to: Path) -> None:
        raise RuntimeError("another")

    with pytest.raises(RuntimeError, match="another") as caught:
        write_durably(tmp_path / "result", fail)
    assert caught.value.__cause__ is None


def save_under_a_limit(folder: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    try:
        save_weights(nn.Linear(100, 100), folder / "w.safetensors")
    except ResourceError as error:
        sys.exit(error.exit_code)


def test_a_real_limit_on_the_size_of_files_is_a_lack_of_resources(tmp_path: Path) -> None:
    """In a process of its own, under a limit that the system enforces."""
    assert run_ranks(save_under_a_limit, tmp_path, ranks=1) == [6]
    assert list(tmp_path.iterdir()) == []


def test_what_is_passed_over_is_told(tmp_path: Path) -> None:
    save(tmp_path, 1)
    bad = save(tmp_path, 2)
    flip_a_bit(bad, 5)
    told: list[tuple[Path, str]] = []
    newest(tmp_path, lambda path, what: told.append((path, what)))
    assert told == [(bad, f"{bad.name} is damaged: its SHA-256 is another")]


class Canary:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (self.path,))


def test_nothing_in_a_checkpoint_is_instantiated(tmp_path: Path) -> None:
    path = tmp_path / "1.ckpt"
    torch.save({"value": Canary(str(tmp_path / "canary"))}, path)
    with pytest.raises(SecurityError, match="nothing of it was run"):
        read(path)
    assert not (tmp_path / "canary").exists()


def test_what_a_checkpoint_needs_is_held_to_its_hash_too(tmp_path: Path) -> None:
    weights = tmp_path / "best.safetensors"
    digest = write_durably(weights, lambda to: to.write_bytes(b"weights"))
    good = save(tmp_path, 1)
    DurableCheckpointIO().save_checkpoint({"a": 1}, tmp_path / "2.ckpt", {"best.safetensors": digest})
    assert newest(tmp_path) == tmp_path / "2.ckpt"
    assert subprocess.run(["sha256sum", "-c", "--quiet", "2.ckpt.sha256"], cwd=tmp_path).returncode == 0
    flip_a_bit(weights, 3)
    told: list[str] = []
    assert newest(tmp_path, lambda path, what: told.append(what)) == good
    assert told == ["best.safetensors is damaged: its SHA-256 is another"]
    assert not weights.exists()


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "sub/file"])
def test_a_sidecar_names_files_beside_it_alone(tmp_path: Path, name: str) -> None:
    path = save(tmp_path, 1)
    sidecar = path.with_name(f"{path.name}.sha256")
    sidecar.write_text(sidecar.read_text() + f"{'0' * 64}  {name}\n")
    with pytest.raises(CheckpointError, match="is no file"):
        newest(tmp_path)


def test_what_is_damaged_is_put_aside_unless_all_is(tmp_path: Path) -> None:
    flip_a_bit(save(tmp_path, 2), 7)
    for _ in range(2):
        with pytest.raises(CheckpointError, match=r"all 1 .*000002\.ckpt is damaged"):
            newest(tmp_path)
    good = save(tmp_path, 1)
    assert newest(tmp_path) == good
    assert [path.name for path in checkpoints(tmp_path)] == [good.name]
    assert (tmp_path / "000000000002.ckpt.damaged").is_file()


def test_a_checkpoint_of_a_newer_tlx_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "made_by", lambda: {"format": 1, "tlx": "99.1.0"})
    with pytest.raises(CheckpointError, match=r"the checkpoint was made by tlx 99\.1\.0, this is 0\."):
        read(save(tmp_path, 1))
