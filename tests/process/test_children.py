import multiprocessing
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tlx.process.children import end_children, killed_by


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel ends the child")
def test_a_child_dies_with_its_parent() -> None:
    child = (
        "import time; from tlx.process.signals import ends_by_the_parent\n"
        "ends_by_the_parent(); print('up', flush=True); time.sleep(60)"
    )
    parent = (
        "import os, signal, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\nprint(child.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=False)
    pid, end = int(done.stdout), time.monotonic() + 10
    status = Path(f"/proc/{pid}/status")
    while status.exists() and "zombie" not in status.read_text() and time.monotonic() < end:
        time.sleep(0.05)
    assert not status.exists() or "zombie" in status.read_text()


def test_children_are_ended_at_once_and_waited_for() -> None:
    children = [multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,)) for _ in range(2)]
    for child in children:
        child.start()
    end_children()
    assert [child.exitcode for child in children] == [-9, -9]


def test_a_signal_has_its_name_where_it_has_one() -> None:
    assert [killed_by(code) for code in (-15, -99)] == ["killed by SIGTERM", "killed by signal 99"]
