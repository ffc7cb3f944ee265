from pathlib import Path

import pytest

from tlx.cache.settings import CacheSettings
from tlx.doctor.machine import (
    cores,
    disk,
    kept,
    machine,
    open_files,
    processor,
    shared_memory,
    threads,
    writable,
)

CPUINFO = """processor\t: 0
model name\t: A Processor
flags\t\t: fpu avx2 avx512f {}
"""


def test_this_machine_is_looked_at_without_leaving_anything(tmp_path: Path) -> None:
    findings = machine(tmp_path / "runs" / "not" / "there")
    assert len(findings) == 7
    assert all(finding.level in ("ok", "warn") for finding in findings)
    assert list(tmp_path.iterdir()) == []


def test_a_processor_is_named_with_what_matters() -> None:
    said = processor(CPUINFO.format("amx_bf16"), 8).what
    assert said == "A Processor, 8 cores, avx2, avx512f, amx_bf16; bf16 in hardware"
    assert processor(CPUINFO.format(""), 1).what.endswith("no bf16 in hardware")
    assert "no AVX" in processor("", 1).what


def test_a_containers_quota_counts_as_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert [cores(quota) for quota in ("max 100000", "200000 100000", "50000 100000", "")] == [16, 2, 1, 16]


def test_more_threads_than_cores_are_warned_of() -> None:
    assert threads(2, 2, {}).level == "ok"
    found = threads(2, 8, {"OMP_NUM_THREADS": "8"})
    assert (found.level, found.fix) == ("warn", "export OMP_NUM_THREADS=2")
    assert "8 threads on 2 cores, OMP_NUM_THREADS=8" in found.what


@pytest.mark.parametrize(("free", "level"), [(50 * 10**6, "bad"), (10**9, "warn"), (3 * 10**9, "ok")])
def test_a_disk_that_is_nearly_full_is_warned_of(free: int, level: str) -> None:
    assert disk(Path("/runs"), free).level == level


def test_a_folder_that_cannot_be_written_is_bad(tmp_path: Path) -> None:
    assert writable(tmp_path, "runs", "run_dir=FOLDER").level == "ok"
    found = writable(tmp_path / "gone", "runs", "run_dir=FOLDER")
    assert (found.level, found.fix) == ("bad", "run_dir=FOLDER")
    assert "runs cannot be written in" in found.what


def test_little_shared_memory_is_warned_of() -> None:
    found = shared_memory(64 * 2**20)
    assert (found.level, "67.1 MB" in found.what, "--shm-size" in found.fix) == ("warn", True, True)
    assert shared_memory(2 * 10**9).level == shared_memory(None).level == "ok"


def test_a_low_limit_of_open_files_is_warned_of() -> None:
    assert [open_files(limit).level for limit in (256, 1024, -1)] == ["warn", "ok", "ok"]


def test_a_folder_of_the_cache_that_can_hold_nothing_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = kept(CacheSettings(folder=str(tmp_path / "file")))
    assert (found.level, found.fix) == ("warn", "cache.folder=FOLDER")
    assert f"cache.folder={tmp_path}/file cannot be used: {tmp_path}/file is a file" in found.what
    assert kept(CacheSettings(folder=str(tmp_path / "new"))).level == "ok"
    assert kept(CacheSettings(disk=0)).what == "nothing of frozen parts is kept on the disk"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
