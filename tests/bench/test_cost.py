import argparse
import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from scripts.bench.cost import CASES, Bench, table, words
from scripts.bench.rows.cost_sides import main
from tests.faults.processes import PRELOAD
from tlx.api import compose


def places(folder: Path) -> dict[str, Path]:
    return {name: folder / name for name in ("material", "cache", "run")}


@pytest.mark.parametrize("case", CASES)
def test_both_sides_of_a_case_are_the_same_run(case: str) -> None:
    plan, fit = (words(case, side, 3, 2, places(Path("/x"))) for side in ("plan", "fit"))
    assert {*plan} ^ {*fit} == {"plan", "fit", "measure=true", "run_dir=/x/run"}
    config = compose("fit", fit[1:])
    assert config["seed"] == 3
    assert config["strategy"].get("epochs", config["strategy"].get("head_epochs")) == 2


def entry(case: str, repetition: int, side: str, **found: float) -> dict[str, Any]:
    return {"case": case, "repetition": repetition, "side": side, "found": found}


@pytest.fixture
def result() -> dict[str, Any]:
    runs = [
        entry("tiny-head", 0, "plan", seconds=11.0, memory=10, cache=5),
        entry("tiny-head", 0, "fit", seconds=10.0, memory=10, cache=5),
        entry("tiny-head", 1, "fit", seconds=20.0, memory=10, cache=5),
        entry("tiny-head", 1, "plan", seconds=22.0, memory=10, cache=5),
        entry("tiny-head", 2, "plan", seconds=900.0, memory=10, cache=5),  # whose other side failed
        entry("tiny-full", 0, "plan", seconds=30.0, memory=10, cache=0),
        entry("tiny-full", 0, "fit", seconds=10.0, memory=5, cache=0),
    ]
    return {"runs": runs, "failed": [{"case": "tiny-head", "side": "fit", "said": "no disk"}]}


def test_what_is_foretold_is_divided_by_what_it_took_pair_by_pair(result) -> None:
    _, _, head, full, failed = table(result).splitlines()
    assert head.startswith("| tiny | head only | 2 | 16.5 s | 15.0 s | 1.10 [1.10, 1.10] | yes |")
    assert head.endswith("| 1.00 [1.00, 1.00] |")
    assert full == "| tiny | full fine-tuning | 1 | 30.0 s | 10.0 s | 3.00 | no | 2.00 | no | none |"
    assert failed == "failed tiny-head fit: no disk"


def test_the_side_that_goes_first_changes_from_pair_to_pair_and_nothing_is_measured_twice() -> None:
    options = argparse.Namespace(pairs=2, cases=["tiny-head"])
    done = {"runs": [entry("tiny-head", 0, "plan")]}
    left = list(Bench(options, Path(), done).tasks())
    assert left == [("tiny-head", 0, "fit"), ("tiny-head", 1, "fit"), ("tiny-head", 1, "plan")]


@pytest.mark.slow
def test_both_sides_tell_the_same_quantities_of_a_real_run(tmp_path: Path) -> None:
    context, found = multiprocessing.get_context("forkserver"), {}
    context.set_forkserver_preload(PRELOAD)
    for side in ("plan", "fit"):
        own = {"cache": tmp_path / f"cache-{side}", "run": tmp_path / "run", "material": tmp_path}
        argv = [f"out={tmp_path / side}", "clock=cpu", *words("tiny-head", side, 0, 1, own)]
        process = context.Process(target=main, args=([*argv, "data.per_class=5", "model.weights=null"],))
        process.start()
        process.join(120)
        found[side] = json.loads((tmp_path / side).read_text())
    told, took = found["plan"], found["fit"]
    assert told.keys() == took.keys() - {"trained"}
    assert told["cache"] == took["cache"] > 0
    assert took["seconds"] == pytest.approx(sum(each["seconds"] for each in took["phases"]) + took["end"])
    assert 0 < took["phases"][0]["fill"] < took["phases"][0]["seconds"]
    assert not (tmp_path / "cache-plan").exists()
