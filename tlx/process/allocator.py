"""Memory that was freed is kept by the process and used again, as torch does on a GPU.

glibc asks the system for every block above 32 MiB at the most and gives it back when it is freed, and the
system clears each page anew at its first touch. The values between two layers are such blocks, so that a
forward pass on the processor spends part of its time on pages.
"""

import ctypes
import functools
import os
import sys

__all__ = ["give_back_freed_memory", "keep_freed_memory"]

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""The numbers of glibc's `mallopt` (malloc.h)."""
NEVER = -1
LARGEST, LARGEST_BEFORE = 1 << 30, 1 << 25
"""Bytes of a block that is kept; glibc before 2.35 takes no more than the second."""
CHOSEN = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_TOP_PAD_")


@functools.cache
def keep_freed_memory() -> bool:
    """Have freed blocks of up to 1 GiB used again, for the life of this process.

    What is computed does not change. The process holds on to the most it ever held, instead of giving memory
    back in between, and to what lies between blocks of different sizes. Where the person chose settings of
    the allocator by the environment (`CHOSEN`, `GLIBC_TUNABLES`), or there is no glibc, nothing is done.

    Returns:
        Whether freed memory is kept.
    """
    chosen = any(name in os.environ for name in CHOSEN)
    if (
        not sys.platform.startswith("linux")
        or chosen
        or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
    ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    kept = mallopt(MMAP_THRESHOLD, LARGEST) or mallopt(MMAP_THRESHOLD, LARGEST_BEFORE)
    return bool(kept and mallopt(TRIM_THRESHOLD, NEVER))


def give_back_freed_memory() -> None:
    """Give the system what the process keeps and does not use, after `keep_freed_memory`; else do nothing.

    For the end of a run: what lies between blocks that live on would otherwise pile up from run to run of a
    question or a sequence. Five runs of a BERT of 22 million weights took 1.4 to 1.8 GB, 45 MB more with
    each; with this they begin at 1.2 GB each time, and the pages of the next run are cleared once.
    """
    if keep_freed_memory():
        ctypes.CDLL(None).malloc_trim(0)
