import doctest
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.bench.measure import (
    Spent,
    note,
    processor,
    run,
    saved,
    stamp,
    thread_words,
    today,
    write,
)


def test_a_row_runs_on_one_thread_with_bytecode_and_a_cache_of_its_own(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    words = thread_words(tmp_path / "row")
    assert words["OMP_NUM_THREADS"] == "1"
    assert words["XDG_CACHE_HOME"] == str(tmp_path / "row")
    assert "PYTHONDONTWRITEBYTECODE" not in words


def test_seconds_of_children_count_and_a_failure_says_its_last_words(tmp_path: Path) -> None:
    burn = "t = __import__('time'); s = t.process_time()\nwhile t.process_time() - s < 0.3: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); sys.exit('too bad')"
    spent = run([sys.executable, "-c", code], thread_words(tmp_path), tmp_path / "log")
    assert spent.cpu > 0.3
    assert (spent.code, spent.said) == (1, "too bad")


def test_the_processor_has_a_name() -> None:
    found = processor()
    assert found["name"]
    assert found["cores"] >= 1


@pytest.mark.parametrize("name", ["ratios", "material", "rows.clock", "rows.photos"])
def test_examples_in_docstrings_hold(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"scripts.bench.{name}"))
    assert found.attempted
    assert not found.failed


def test_a_run_takes_the_place_of_its_own_failures_alone() -> None:
    result: dict[str, Any] = {"runs": [], "failed": []}
    first, other = {"case": "head", "row": "tlx", "wall": 1.0}, {"case": "full", "row": "tlx"}
    note(result, first, ("case", "row"), "no disk")
    note(result, other, ("case", "row"), "no memory")
    assert result["failed"] == [{**first, "said": "no disk"}, {**other, "said": "no memory"}]
    note(result, {**first, "wall": 2.0}, ("case", "row"), None)
    assert result["failed"] == [{**other, "said": "no memory"}]
    assert result["runs"] == [{**first, "wall": 2.0}]


def test_a_result_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path / "new" / "one.json", {"runs": [1.5]})
    assert saved(tmp_path / "new" / "one.json") == {"runs": [1.5]}
    assert saved(tmp_path / "none.json") == {}


def test_an_entry_says_what_a_process_took() -> None:
    found = stamp(Spent(1.23456, 2.0, 0, ""))
    assert (found["process"], found["wall"]) == (1.235, 2.0)
    assert found["date"] == today() and found["commit"]
