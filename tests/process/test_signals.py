import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tlx.process.signals import (
    Terminated,
    asked,
    left_at_once,
    only_interrupts,
    saving_first,
    stop,
    stoppable,
)

ROOT = str(Path(__file__).parent.parent)


def script(text: str, *argv: str, folder: Path) -> subprocess.Popen[str]:
    head = (
        "import os, signal, sys, time\nfrom pathlib import Path\nfrom tlx.outcome import ending\n"
        "from tlx.process.signals import *\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", head + text, *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": ROOT},
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_work_inside_and_nothing_else(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(Terminated), stoppable():
            signal.raise_signal(number)
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable(), left_at_once(lambda: None):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_has_its_own_exception() -> None:
    assert type(stop(signal.SIGINT)) is KeyboardInterrupt
    assert type(stop(signal.SIGHUP, "saved")) is type(stop(signal.SIGTERM)) is Terminated
    assert str(stop(signal.SIGTERM, "saved")) == "saved"


def test_outside_a_command_signals_stay_as_they_are() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with left_at_once(lambda: None), saving_first():
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    with stoppable():
        inner = signal.getsignal(signal.SIGTERM)
        with left_at_once(lambda: None):
            assert signal.getsignal(signal.SIGTERM) is not inner
        assert signal.getsignal(signal.SIGTERM) is inner


def test_while_a_training_loop_runs_a_signal_waits_and_is_kept_until_the_next_run() -> None:
    with stoppable():
        with left_at_once(lambda: None), saving_first():
            assert asked() == 0
            for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP):
                signal.raise_signal(number)
            assert asked() == signal.SIGTERM
        with left_at_once(lambda: None):
            assert asked() == 0


def test_children_that_end_are_waited_for_whatever_a_system_sends() -> None:
    with stoppable():
        with only_interrupts():
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Terminated):
            signal.raise_signal(signal.SIGTERM)


SWALLOWED = """
number = getattr(signal, sys.argv[1])
class Swallows:
    def __del__(self):
        os.kill(os.getpid(), number)
def work():
    with stoppable(), left_at_once(Path("noted").touch):
        Swallows()
        print("went on")
sys.exit(ending(work))
"""


@pytest.mark.parametrize(
    ("name", "code", "line"),
    [
        ("SIGTERM", 143, "tlx: terminated\n"),
        ("SIGHUP", 143, "tlx: terminated\n"),
        ("SIGINT", 130, "tlx: interrupted\n"),
    ],
)
def test_a_signal_that_a_destructor_would_swallow_ends_the_process(
    name: str, code: int, line: str, tmp_path: Path
) -> None:
    process = script(SWALLOWED, name, folder=tmp_path)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err, out) == (code, line, "")
    assert (tmp_path / "noted").exists()


STUCK = """
import torch
def work():
    with stoppable(), left_at_once(Path("noted").touch), saving_first():
        large = torch.ones(9000, 9000, dtype=torch.float64)
        print("up", flush=True)
        large @ large  # one call, for half a minute
        print("through", flush=True)
        time.sleep(600)
sys.exit(ending(work))
"""


def test_a_second_interrupt_is_heard_inside_one_long_computation(tmp_path: Path) -> None:
    process = script("os.environ['OMP_NUM_THREADS'] = '1'\n" + STUCK, folder=tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert time.monotonic() - began < 10  # 2 s on a machine that does nothing else
    assert (tmp_path / "noted").exists()


COPIED = """
def work():
    with stoppable(), left_at_once(lambda: None), saving_first():
        child = os.fork()
        if child == 0:
            for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
                os.kill(os.getpid(), number)
            os._exit(7)
        _, status = os.waitpid(child, 0)
        time.sleep(2)
        print(os.waitstatus_to_exitcode(status), asked())
sys.exit(ending(work))
"""


def test_what_a_copy_hears_is_not_heard_by_the_process_it_was_made_from(tmp_path: Path) -> None:
    process = script(COPIED, folder=tmp_path)
    assert process.communicate(timeout=60) == ("7 0\n", "")
