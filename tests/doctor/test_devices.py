from pathlib import Path
from types import SimpleNamespace

from tlx.doctor.devices import devices


def cuda(*found: SimpleNamespace) -> SimpleNamespace:
    return SimpleNamespace(
        is_available=lambda: bool(found),
        device_count=lambda: len(found),
        get_device_properties=lambda number: found[number],
    )


def test_devices_are_described_with_memory_capability_and_precision(tmp_path: Path) -> None:
    new = SimpleNamespace(name="H100", total_memory=80 * 10**9, major=9, minor=0)
    old = SimpleNamespace(name="T4", total_memory=16 * 10**9, major=7, minor=5)
    one, two = devices(cuda(new, old), "12.6", tmp_path)
    assert one.what == "cuda:0 H100, 80.0 GB, capability 9.0, bf16"
    assert two.what == "cuda:1 T4, 16.0 GB, capability 7.5, no bf16, so trainer.precision=16-mixed"


def test_a_machine_without_devices_is_fine(tmp_path: Path) -> None:
    (found,) = devices(cuda(), None, tmp_path / "none")
    assert (found.level, found.what) == ("ok", "no CUDA device; the processor computes")


def test_a_torch_without_cuda_is_warned_of_where_there_is_a_driver(tmp_path: Path) -> None:
    (found,) = devices(cuda(), None, tmp_path)
    assert (found.level, "built without CUDA" in found.what) == ("warn", True)


def test_devices_that_torch_cannot_use_are_bad(tmp_path: Path) -> None:
    (found,) = devices(cuda(), "12.6", tmp_path)
    assert (found.level, found.device) == ("bad", True)
    assert "cannot use this machine's driver" in found.what
