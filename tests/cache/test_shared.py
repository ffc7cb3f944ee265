import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.cache.entries import KB, filled, name, names
from tlx.cache import shared as module
from tlx.cache.meta import META
from tlx.cache.settings import GIB, CacheSettings
from tlx.cache.shared import SharedFiles
from tlx.checkpoint.durable import is_whole
from tlx.trainer import World

A = name("a")
WHAT = {"of": "a table", "model": "small", "samples": 3, "split": "source"}
CONTENT = bytes(range(256)) * 8


class Runs:
    """Runs that need one file, each with a folder of its own."""

    def __init__(self, home: Path, **settings: float) -> None:
        self.home, self.made, self.said = home, 0, list[str]()
        given: dict[str, Any] = {"disk": 100 * KB / GIB, "folder": str(home / "features")} | settings
        self.shared = SharedFiles(CacheSettings(**given), torch.device("cpu"), {})
        self.shared.say = self.said.append
        self.store = self.shared.store

    def run(self, word: str, content: bytes = CONTENT) -> Path:
        def make(path: Path) -> None:
            self.made += 1
            module.write_durably(path, lambda to: to.write_bytes(content), sidecar=True)

        path = self.home / word / "known" / "table"
        self.shared.obtain(path, A, WHAT, make, World())
        assert is_whole(path)
        return path


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_it_is_made_once_and_each_run_has_a_copy_of_its_own(runs: Runs) -> None:
    first, second = runs.run("first"), runs.run("second")
    assert runs.made == 1
    assert first.read_bytes() == second.read_bytes() == CONTENT
    kept = runs.store.path(A) / "0.bin"
    assert len({path.stat().st_ino for path in (first, second, kept)}) == 3
    sidecars = [path.with_name("table.sha256").read_text() for path in (first, second)]
    assert sidecars[0] == sidecars[1]
    [entry] = runs.store.entries()
    assert entry.what["what"] == WHAT and entry.size > len(CONTENT)
    assert runs.said == [f"a table was computed by another run, and comes from {runs.store.folder}"]


def test_an_entry_names_the_model_and_the_data_as_people_chose_them(tmp_path: Path) -> None:
    settings, about = CacheSettings(folder=str(tmp_path / "features")), {"model": "tiny", "data": "digits"}
    shared = SharedFiles(settings, torch.device("cpu"), {}, about)
    shared.obtain(
        tmp_path / "table",
        A,
        WHAT,
        lambda path: module.write_durably(path, lambda to: to.write_bytes(CONTENT)),
        World(),
    )
    [entry] = shared.store.entries()
    assert entry.what["what"] == {**WHAT, **about}


def flip(entry: Path) -> None:
    data = bytearray((entry / "0.bin").read_bytes())
    data[-1] ^= 1
    (entry / "0.bin").write_bytes(data)


def cut(entry: Path) -> None:
    os.truncate(entry / "0.bin", 100)


def lose(entry: Path) -> None:
    (entry / "0.bin").unlink()


def edit(entry: Path) -> None:
    plain = json.loads((entry / META).read_text())
    (entry / META).write_text(json.dumps(plain | {"sha256": ["0" * 64]}))


@pytest.mark.parametrize("damage", [flip, cut, lose, edit])
def test_a_damaged_entry_is_said_and_made_again(damage: Callable[[Path], None], runs: Runs) -> None:
    runs.run("first")
    damage(runs.store.path(A))
    assert runs.run("second").read_bytes() == CONTENT
    assert runs.made == 2 and "cannot be used" in runs.said[0]
    assert runs.run("third").read_bytes() == CONTENT
    assert runs.made == 2


def test_a_damaged_entry_is_never_at_the_place_of_a_run(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.run("first")
    flip(runs.store.path(A))
    seen = []
    monkeypatch.setattr(runs.store, "discard", lambda name: seen.append([*runs.home.glob("second/known/*")]))
    runs.run("second")
    assert seen == [[]]


def test_an_evicted_entry_is_made_again_and_takes_nothing_from_the_run_that_has_it(runs: Runs) -> None:
    first = runs.run("first")
    assert runs.store.evict(A)
    assert is_whole(first)
    runs.run("second")
    assert runs.made == 2 and names(runs.store) == {A}


def test_it_goes_in_its_turn_which_each_use_puts_off(runs: Runs) -> None:
    runs.run("first")
    os.utime(runs.store.path(A) / META, (1, 1))
    filled(runs.store, name("b"), 90 * KB, used=2)
    runs.run("second")
    [entry] = [entry for entry in runs.store.entries() if entry.address == A]
    assert time.time() - entry.used < 600
    runs.store.evict(A)
    filled(runs.store, name("c"), 9 * KB, used=3)
    runs.run("third")
    assert names(runs.store) == {A, name("c")}  # what was used longest ago made room


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"disk": KB / GIB}, "takes 2.0 kB, more than cache.disk=9.31"), ({"disk": 0.0}, "")],
)
def test_what_has_no_room_is_made_for_the_run_alone(
    settings: dict[str, float], said: str, tmp_path: Path
) -> None:
    runs = Runs(tmp_path, **settings)
    assert runs.shared.is_on == bool(said)
    for word in ("first", "second"):
        assert runs.run(word).read_bytes() == CONTENT
    assert runs.made == 2 and runs.store.entries() == []
    if said:
        assert said in runs.said[0]


def test_a_disk_that_fills_up_in_between_is_said(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(address: str, meta: dict[str, Any]) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs.store, "finish", full)
    assert is_whole(runs.run("first"))
    assert "No space left on device" in runs.said[0]
    assert not runs.store.part(A).exists()


def test_what_a_folder_holds_that_may_only_be_read_is_read(
    runs: Runs, as_nobody: Callable[[], AbstractContextManager[None]]
) -> None:
    runs.run("first")
    for path in (runs.store.folder, *runs.store.folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    for word in ("second", "third"):
        (runs.home / word / "known").mkdir(parents=True)
        (runs.home / word / "known").chmod(0o777)
    with as_nobody():
        assert runs.run("second").read_bytes() == CONTENT
    assert runs.made == 1
    runs.store.folder.chmod(0o755)
    runs.store.discard(A)
    runs.store.folder.chmod(0o555)
    with as_nobody():
        runs.run("third")
    assert runs.made == 2 and "cannot be written to" in runs.said[-1]


def needs(home: Path, word: str, start: Any, made: Any, slow: float) -> None:
    def make(path: Path) -> None:
        with made.get_lock():
            made.value += 1
        time.sleep(slow)
        module.write_durably(path, lambda to: to.write_bytes(CONTENT), sidecar=True)

    start.wait(30)
    Runs(home).shared.obtain(home / word / "table", A, WHAT, make, World())


def test_of_two_processes_at_once_one_waits_for_the_other(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start, made = context.Event(), context.Value("i", 0)
    processes = [
        context.Process(target=needs, args=(tmp_path, word, start, made, 0.3)) for word in ("one", "other")
    ]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert made.value == 1
    assert (tmp_path / "one/table").read_bytes() == (tmp_path / "other/table").read_bytes() == CONTENT


def dies(home: Path, moment: str) -> None:
    def die(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    runs = Runs(home)
    if moment == "make":
        runs.shared.obtain(home / "killed/table", A, WHAT, die, World())
    setattr(runs.store if moment == "finish" else module, moment, die)
    runs.run("killed")


@pytest.mark.parametrize("moment", ["make", "_fill", "finish"])
def test_who_is_killed_on_the_way_holds_nobody_up(moment: str, tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=dies, args=(tmp_path, moment))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    runs = Runs(tmp_path)
    assert runs.store.entries() == []
    for word in ("first", "second"):
        assert runs.run(word).read_bytes() == CONTENT
    assert runs.made == 1 and names(runs.store) == {A}
    assert not runs.store.part(A).exists()


def test_the_address_has_the_arithmetic_in_it(tmp_path: Path) -> None:
    settings = CacheSettings(folder=str(tmp_path))
    one, other = (
        SharedFiles(settings, torch.device("cpu"), {"precision": each}) for each in ("32-true", "bf16-mixed")
    )
    assert one.address(a=1) == one.address(a=1)
    assert len({one.address(a=1), one.address(a=2), other.address(a=1)}) == 3
