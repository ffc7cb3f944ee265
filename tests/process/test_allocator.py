import ctypes
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tlx.process.allocator import give_back_freed_memory
from tlx.trainer import TrainerSettings

ROOT = str(Path(__file__).parent.parent)

TOUCHES = """
import resource, torch
from tlx.process.allocator import keep_freed_memory
{call}
block = 10_000_000
for _ in range(20):
    torch.ones(block)  # until what is left between blocks is wide enough for one
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    torch.ones(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = 5 * 40_000_000 // resource.getpagesize()

glibc = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="not glibc")


def said(call: str, **environment: str) -> str:
    words = [sys.executable, "-c", TOUCHES.format(call=call)]
    done = subprocess.run(
        words, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": ROOT} | environment
    )
    return done.stdout


@glibc
def test_blocks_that_were_freed_are_used_again_without_new_pages() -> None:
    assert int(said("")) > PAGES / 16  # huge pages may be 16 small ones and more
    kept = said("print(keep_freed_memory(), keep_freed_memory())").split()
    assert kept[:2] == ["True", "True"]
    assert int(kept[2]) < PAGES / 1000


@pytest.mark.parametrize(
    "chosen",
    [{"MALLOC_TRIM_THRESHOLD_": "131072"}, {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072"}],
)
def test_what_the_person_chose_for_the_allocator_is_left(chosen: dict[str, str]) -> None:
    assert said("print(keep_freed_memory())", **chosen).split()[0] == "False"


@pytest.mark.parametrize("accelerator", ["cpu", "auto"])
def test_a_process_that_computes_keeps_its_memory(accelerator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[bool]()
    monkeypatch.setattr("tlx.trainer.keep_freed_memory", lambda: asked.append(True))
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    TrainerSettings(accelerator=accelerator).prepare_process()
    assert asked == [True]


def test_a_process_that_computes_on_a_gpu_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[bool]()
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("tlx.trainer.keep_freed_memory", lambda: asked.append(True))
    TrainerSettings(accelerator="auto").prepare_process()
    assert asked == []


PILES = """
import ctypes
from tlx.process.allocator import give_back_freed_memory, keep_freed_memory
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
keep_freed_memory()
malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
malloc.restype, malloc.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
blocks = [malloc(1 << 20) for _ in range(200)]
for block in blocks:
    ctypes.memset(block, 1, 1 << 20)
for block in blocks[::2]:
    free(block)
before = resident()
give_back_freed_memory()
print(before - resident())
"""


@glibc
def test_what_lies_between_blocks_that_live_on_is_given_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PILES],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": ROOT},
    )
    assert int(done.stdout) > 90 << 20  # of 100 MiB


def test_memory_that_is_not_kept_is_not_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[object]()
    monkeypatch.setattr("tlx.process.allocator.keep_freed_memory", lambda: False)
    monkeypatch.setattr("ctypes.CDLL", asked.append)
    give_back_freed_memory()
    assert asked == []
