import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tlx.run.lock import LOCK, acquire, alive, holder_of, lock_to_inherit, release

HOLDER = """
import os, sys, time
from pathlib import Path
from tlx.run.lock import acquire
assert acquire(Path(sys.argv[1])) is None
if len(sys.argv) > 2:
    begun, begin = os.pipe()
    if os.fork() == 0:
        os.write(begin, b"x")
        time.sleep(60)
    os.read(begun, 1)  # before, the copy may still have the lock open
print("held", flush=True)
time.sleep(60)
"""


def holder(run: Path, *more: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(run), *more],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_told_who_the_first_one_is(tmp_path: Path) -> None:
    first = holder(tmp_path / "run")
    try:
        assert acquire(tmp_path / "run") == {"pid": first.pid, "host": socket.gethostname()}
        assert acquire(tmp_path / "other") is None
    finally:
        first.kill()
        first.wait()
        release(tmp_path / "other")


def test_a_kill_frees_the_run_even_where_a_copy_of_the_process_lives_on(tmp_path: Path) -> None:
    first = holder(tmp_path, "with a copy")
    try:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        assert acquire(tmp_path) is None
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        release(tmp_path)


def test_a_run_that_is_let_go_of_keeps_no_trace_and_is_free_again(tmp_path: Path) -> None:
    assert acquire(tmp_path / "run") is None
    assert acquire(tmp_path / "run") is None
    assert (tmp_path / "run" / LOCK).is_file()
    release(tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []
    release(tmp_path / "run")
    second = holder(tmp_path / "run")
    second.kill()
    second.wait()


def test_a_child_that_inherits_the_lock_holds_it_as_long_as_it_lives(tmp_path: Path) -> None:
    acquire(tmp_path)
    with lock_to_inherit(tmp_path) as lock:
        child = subprocess.Popen(["sleep", "60"], pass_fds=lock, preexec_fn=lambda: None)
    kept = tmp_path / LOCK
    os.link(kept, tmp_path / "kept")
    release(tmp_path)
    os.rename(tmp_path / "kept", kept)  # as if this process had been killed
    try:
        assert acquire(tmp_path) == {"pid": os.getpid(), "host": socket.gethostname()}
    finally:
        child.kill()
        child.wait()
    assert acquire(tmp_path) is None
    release(tmp_path)
    with lock_to_inherit(tmp_path) as nothing:
        assert nothing == ()


def test_a_process_lives_only_as_long_as_it_is_there_and_a_python() -> None:
    assert alive(os.getpid())
    assert not alive(2**22 + 1)


def test_who_holds_a_run_is_told_without_taking_it(tmp_path: Path) -> None:
    assert holder_of(tmp_path) is None
    first = holder(tmp_path)
    assert holder_of(tmp_path) == {"pid": first.pid, "host": socket.gethostname()}
    first.kill()
    first.wait()
    assert (tmp_path / LOCK).is_file()
    assert holder_of(tmp_path) == {}
    assert acquire(tmp_path) is None
    assert holder_of(tmp_path) == {}
    release(tmp_path)


def test_on_a_file_system_without_locks_nobody_can_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", without)
    assert acquire(tmp_path) is None
    assert holder_of(tmp_path) is None


def test_a_lock_that_is_only_looked_at_does_not_keep_a_run_from_being_taken(tmp_path: Path) -> None:
    (tmp_path / LOCK).touch()
    looking = os.open(tmp_path / LOCK, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    threading.Timer(0.05, os.close, [looking]).start()
    assert acquire(tmp_path) is None
    release(tmp_path)
