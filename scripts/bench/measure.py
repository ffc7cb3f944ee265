"""Rows as processes of their own, one thread each, timed by what the kernel says of them."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["Spent", "commit", "note", "processor", "run", "saved", "stamp", "thread_words", "today", "write"]

ROOT = Path(__file__).parents[2]
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Spent:
    """What a process took.

    Args:
        cpu: User and system seconds, with those of the children it waited for.
        wall: Seconds by the clock on the wall.
        code: Its exit code.
        said: The last lines of what it said.
    """

    cpu: float
    wall: float
    code: int
    said: str


def thread_words(cache: Path) -> dict[str, str]:
    """The environment of a row: one thread, bytecode kept, and a cache folder of its own.

    Args:
        cache: For what tlx remembers; that of matplotlib is shared by all rows.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    own = {
        "XDG_CACHE_HOME": str(cache),
        "MPLCONFIGDIR": str(cache.parent / "matplotlib"),
        "MPLBACKEND": "Agg",
    }
    return {**kept, **dict.fromkeys(THREADS, "1"), **own}


def run(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Spent:
    """Run a process to its end.

    Args:
        command: Its words.
        environment: All of it.
        log: Takes what it says.
    """
    began = time.perf_counter()
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=ROOT, env=dict(environment))
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    said = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
    return Spent(usage.ru_utime + usage.ru_stime, wall, process.returncode, said)


def processor() -> dict[str, Any]:
    """The processor's name, its cores, and what of bf16 it computes by itself (Linux)."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").is_file() else ""
    pairs = [line.partition(":") for line in text.splitlines()]
    found = {key.strip(): value.strip() for key, _, value in reversed(pairs)}
    flags = set(found.get("flags", "").split())
    wanted = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    name = f"{found.get('model name', 'unknown')}, family {found.get('cpu family', '?')}"
    return {"name": name, "cores": os.cpu_count(), "flags": [flag for flag in wanted if flag in flags]}


def commit() -> str:
    """The commit of the working tree, with a + where something is changed."""
    if shutil.which("git") is None:
        return "unknown"
    head = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=no"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "") or "unknown"


def saved(path: Path) -> dict[str, Any]:
    """A result file; empty where there is none yet."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def write(path: Path, result: Mapping[str, Any]) -> None:
    """Write a result file, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def today() -> str:
    """The date, as result files hold it."""
    return datetime.now(UTC).date().isoformat()


def stamp(spent: Spent) -> dict[str, Any]:
    """What an entry of a result file says of any process."""
    return {
        "commit": commit(),
        "date": today(),
        "process": round(spent.cpu, 3),
        "wall": round(spent.wall, 3),
    }


def note(result: dict[str, Any], entry: Mapping[str, Any], same: Sequence[str], failed: str | None) -> None:
    """Add an entry to the runs of a result, or to those that failed, in place of earlier failures of it.

    Args:
        result: With lists `runs` and `failed`.
        entry: What is added.
        same: The keys by which an earlier failure is one of the same run.
        failed: What a failed process said; None: it ended well.
    """
    result["failed"] = [old for old in result["failed"] if any(old[key] != entry[key] for key in same)]
    if failed is None:
        result["runs"].append(dict(entry))
    else:
        result["failed"].append({**entry, "said": failed})
