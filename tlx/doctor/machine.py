"""Processor, threads, memory between processes, disk and limits of this machine."""

import os
import platform
import resource
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tlx.cache.place import named_place, obstacle
from tlx.cache.settings import CacheSettings
from tlx.inspection.finding import Finding
from tlx.report.formats import size

__all__ = [
    "cores",
    "disk",
    "kept",
    "machine",
    "open_files",
    "processor",
    "shared_memory",
    "threads",
    "writable",
]

MEGABYTE, GIGABYTE = 10**6, 10**9
FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
BFLOAT = {"avx512_bf16", "amx_bf16"}
SHARED = Path("/dev/shm")


def machine(runs: Path) -> list[Finding]:
    """All of it, for runs that would live in a folder."""
    import torch

    there = _nearest(runs)
    shared = shutil.disk_usage(SHARED).total if SHARED.is_dir() else None
    temporary = Path(tempfile.gettempdir())
    return [
        processor(_read("/proc/cpuinfo"), cores()),
        threads(cores(), torch.get_num_threads(), os.environ),
        writable(there, "runs", "run_dir=FOLDER"),
        disk(there, shutil.disk_usage(there).free),
        writable(temporary, "temporary files", "export TMPDIR=FOLDER"),
        shared_memory(shared),
        open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
    ]


def cores(quota: str | None = None) -> int:
    """Cores this process may use, by its affinity and its container's quota.

    Args:
        quota: Of a container, as in cpu.max: microseconds of each period, and the period.
    """
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    allowed, _, period = (quota if quota is not None else _read("/sys/fs/cgroup/cpu.max")).partition(" ")
    if allowed.isdigit() and period.strip().isdigit():
        return max(1, min(mine, round(int(allowed) / int(period))))
    return mine


def processor(described: str, count: int) -> Finding:
    """Its name, its cores and the instructions that matter.

    Args:
        described: As in /proc/cpuinfo; empty where there is no such file.
        count: Cores that may be used.
    """
    words = dict(line.partition(":")[::2] for line in described.splitlines() if ":" in line)
    rows = {key.strip(): value.strip() for key, value in words.items()}
    name = rows.get("model name") or platform.processor() or platform.machine()
    has = [flag for flag in FLAGS if flag in rows.get("flags", "").split()]
    bfloat = "bf16 in hardware" if BFLOAT & set(has) else "no bf16 in hardware"
    return Finding("ok", f"{name}, {count} cores, {', '.join(has) or 'no AVX'}; {bfloat}")


def threads(count: int, computing: int, environment: Mapping[str, str]) -> Finding:
    """Threads of torch against cores: more of them than cores make everything slower."""
    asked = environment.get("OMP_NUM_THREADS")
    said = f"torch computes with {computing} threads on {count} cores, OMP_NUM_THREADS={asked or 'not set'}"
    if computing > count:
        return Finding("warn", said, f"export OMP_NUM_THREADS={count}")
    return Finding("ok", said)


def disk(folder: Path, free: int) -> Finding:
    """Space where runs go; a run of a large network writes its checkpoints several times over."""
    said = f"{size(free)} are free in {folder}"
    if free < 100 * MEGABYTE:
        return Finding("bad", said, "run_dir=FOLDER on another disk")
    return (
        Finding("warn", said, "run_dir=FOLDER on another disk")
        if free < 2 * GIGABYTE
        else Finding("ok", said)
    )


def writable(folder: Path, what: str, way_out: str) -> Finding:
    """Whether a file can be made in a folder."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding("bad", f"{what} cannot be written in {folder}: {error.strerror}", way_out)
    return Finding("ok", f"{what} can be written in {folder}")


def kept(settings: CacheSettings | None = None) -> Finding:
    """Whether the frozen part can be kept on the disk, for other runs to find.

    Args:
        settings: Of the cache; None: the usual ones.
    """
    settings = settings or CacheSettings()
    why = obstacle(settings)
    if why:
        said = f"{named_place(settings)} cannot be used: {why}; no run finds frozen parts of another"
        return Finding("warn", said, "cache.folder=FOLDER")
    if not settings.budget:
        return Finding("ok", "nothing of frozen parts is kept on the disk")
    return Finding("ok", f"frozen parts can be kept in {settings.place}")


def shared_memory(total: int | None) -> Finding:
    """What loading processes hand batches through; containers often have 64 MB."""
    if total is None:
        return Finding("ok", f"no {SHARED} on this system")
    if total < GIGABYTE:
        return Finding(
            "warn",
            f"{SHARED} has {size(total)}, little for data.num_workers > 0",
            "docker run --shm-size=2g, or data.num_workers=0",
        )
    return Finding("ok", f"{SHARED} has {size(total)}")


def open_files(limit: int) -> Finding:
    """How many files may be open at once; every loading process and batch on its way takes some."""
    if 0 <= limit < 1024:
        return Finding("warn", f"at most {limit} files may be open at once", "ulimit -n 4096")
    return Finding("ok", f"{limit if limit >= 0 else 'any number of'} files may be open at once")


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
