"""`tlx.fit` in somebody's own process: what ends it waits for a checkpoint."""

import json
import multiprocessing
import signal
from pathlib import Path
from typing import Any

import pytest

import tlx
from tests.faults.injectors import inject
from tests.faults.outcome import differences, outcome
from tests.faults.processes import PRELOAD
from tlx.process.signals import asked, saving_first, saving_in_python

CAUGHT = 7
SMALL: dict[str, Any] = {"model__weights": None, "strategy": "full", "strategy__epochs": 2}
SMALL |= {"data__per_class": 4, "data__batch_size": 4, "trainer__limit_val_batches": 2}
SMALL |= {"data__val_fraction": 0.02, "data__test_fraction": 0.02, "page": False}


def work(folder: Path, fault: str, resume: bool) -> None:
    if fault:
        inject(fault)
    try:
        tlx.fit(run_dir=str(folder), resume=resume, **SMALL)
    except KeyboardInterrupt as error:
        (folder / "said.txt").write_text(str(error))
        raise SystemExit(CAUGHT) from None


def in_a_process(folder: Path, fault: str = "", resume: bool = False) -> int | None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    process = context.Process(target=work, args=(folder, fault, resume))
    process.start()
    process.join(120)
    return process.exitcode


@pytest.fixture(scope="module")
def never_stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert in_a_process(folder) == 0
    return folder


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SIGINT", CAUGHT),
        pytest.param("SIGTERM", -15, marks=pytest.mark.slow),
        pytest.param("SIGHUP", -1, marks=pytest.mark.slow),
    ],
)
def test_what_ends_the_process_waits_for_a_checkpoint(
    never_stopped: Path, tmp_path: Path, name: str, code: int
) -> None:
    run = tmp_path / "run"
    assert in_a_process(run, f"signal:{name}:on_train_batch_start:2") == code
    assert json.loads((run / "state.json").read_text())["status"] == "interrupted"
    assert {int(path.stem) for path in (run / "checkpoints").glob("*.ckpt")} == {6}  # step 3, in halves
    if code == CAUGHT:
        assert (run / "said.txt").read_text().startswith("saved up to step 3. Try: tlx resume")
    assert in_a_process(run, resume=True) == 0
    assert differences(outcome(run), outcome(never_stopped)) == []


def test_a_second_interrupt_does_not_wait() -> None:
    with saving_in_python(), saving_first():
        signal.raise_signal(signal.SIGINT)
        assert asked() == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_outside_a_training_loop_an_interrupt_is_one_at_once_and_handlers_come_back() -> None:
    with saving_in_python():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_somebody_handles_stays_theirs() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with saving_in_python(), saving_first():
            signal.raise_signal(signal.SIGTERM)
            assert asked() == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
