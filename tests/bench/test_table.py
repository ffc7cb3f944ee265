import json
from typing import Any

import pytest

from scripts.bench.cases import CASES, Row
from scripts.bench.cost import CASES as COST_CASES
from scripts.bench.fisher import CASES as FISHER_CASES
from scripts.bench.frechet import GOALS as FRECHET_GOALS
from scripts.bench.ratios import paired
from scripts.bench.rows.frechet_ways import CASES as FRECHET_CASES
from scripts.bench.rows.memory_kept import CASES as ALLOCATOR_CASES
from scripts.bench.table import Line, greatest_difference, lines, markdown, report
from scripts.readme_tables import RESULTS


def measured(case: str, row: str, repetition: int, process: float, **more: Any) -> dict[str, Any]:
    return {"case": case, "row": row, "repetition": repetition, "process": process, **more}


@pytest.fixture
def result() -> dict[str, Any]:
    runs = [
        measured("head", "tlx", 0, 20.0, batches=10.0, losses=[2.0, 1.0]),
        measured("head", "plain", 0, 60.0, batches=50.0, losses=[2.0, 1.0]),
        measured("head", "tlx", 1, 40.0, batches=20.0, losses=[2.0, 1.0]),
        measured("head", "plain", 1, 100.0, batches=90.0, losses=[2.0, 1.0]),
        measured("head", "lightning", 0, 100.0, batches=95.0, losses=[2.0, 1.5]),
        measured("sweep", "tlx", 0, 60.0),
        measured("startup", "help", 0, 0.05),
        measured("startup", "help", 1, 0.20),
        measured("startup", "help", 2, 0.06),
    ]
    return {
        "epochs": 5, "full_epochs": 1, "sweep_runs": 12, "runs": runs, "failed": [],
        "skipped": {"head_bf16": "no AMX", "gradual_bf16": "no AMX"}, "date": "2026-01-02",
        "commit": "0123456789ab", "at_once": 2, "surroundings": "A browser ran.",
        "processor": {"name": "A processor", "flags": ["avx2"]},
        "material": {"train": 800, "val": 200, "mean_bytes": 20000},
    }  # fmt: skip


def test_a_row_is_held_against_tlx_of_its_own_case_and_repetition(result) -> None:
    line = next(line for line in lines(result) if line.row.name == "plain")
    assert line.ratio is not None
    assert line.whole is not None
    assert line.ratio.mean == pytest.approx((5.0 * 4.5) ** 0.5)
    assert line.whole.mean == pytest.approx((3.0 * 2.5) ** 0.5)
    assert line.batches == pytest.approx(70.0)
    assert line.reached is False


def test_losses_are_compared_only_where_both_compute_the_same(result) -> None:
    found = {line.row.name: line.difference for line in lines(result) if line.batches is not None}
    assert found["plain"] == 0.0
    assert found["lightning"] is None
    result["runs"][1]["losses"] = result["runs"][3]["losses"] = [2.0, 1.25]
    assert greatest_difference(result, "head", "plain") == 0.25
    result["runs"][1]["losses"] = [2.0, 1.5]  # of the first repetition, which the last must not hide
    assert greatest_difference(result, "head", "plain") == 0.5


def test_a_sweep_is_held_against_as_many_processes_of_a_peer(result) -> None:
    line = list(lines(result))[-1]
    assert (line.row.name, line.process) == ("lightning", 1200.0)
    assert line.whole is not None
    assert line.whole.mean == pytest.approx(20.0)
    assert line.reached is True
    assert "12 times" in line.note


def test_a_ratio_counts_as_reached_by_the_goal_of_its_row(result) -> None:
    result["runs"][1]["batches"], result["runs"][3]["batches"] = 48.0, 96.0
    line = next(line for line in lines(result) if line.row.name == "plain")
    assert line.row.goal == 4.8
    assert line.reached is True


def test_every_line_has_as_many_cells_as_the_head_and_start_up_shows_its_middle(result) -> None:
    table = markdown(result).splitlines()
    assert {line.count("|") for line in table} == {10}
    assert any("`tlx --help`" in line and "0.06 s" in line for line in table)


def test_what_was_skipped_and_what_failed_is_said(result) -> None:
    result["failed"] = [{"case": "head", "row": "fastai", "said": "no module"}]
    said = report(result)
    assert "Left out, head_bf16, gradual_bf16: no AMX." in said
    assert "2 repetitions at most" in said
    assert "failed head fastai: no module" in said


def test_committed_results_name_no_place_and_ran_what_the_cases_say() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in RESULTS.glob("*.json")}
    assert texts
    for name, text in texts.items():
        assert not [place for place in ("/tmp/", "/home/", "/root/", "://") if place in text]
        content = json.loads(text)
        if name.startswith("fisher-"):
            assert content["cases"].keys() <= FISHER_CASES.keys()
        elif name.startswith("frechet-"):
            sizes_and_cases = {f"{size} {case}" for size in FRECHET_GOALS for case in FRECHET_CASES}
            assert content["cases"].keys() == sizes_and_cases
        elif name.startswith("allocator-"):
            assert {run["case"] for run in content["runs"]} <= set(ALLOCATOR_CASES)
        elif name.startswith("cost-"):
            assert {run["case"] for run in content["runs"]} <= set(COST_CASES)
        else:
            assert {run["case"] for run in content["runs"]} <= CASES.keys()


def test_smoke_runs_show_equal_losses_with_and_without_the_cache() -> None:
    content = json.loads((RESULTS / "smoke-64-photos-plain.json").read_text(encoding="utf-8"))
    for case in ("head", "gradual", "full"):
        assert greatest_difference(content, case, "plain") == 0.0


@pytest.mark.parametrize(
    ("plain", "said"),
    [([47.0], "4.8: missed"), ([50.0], "4.8: reached once"), ([50.0, 50.0], "4.8: reached"),
     ([40.0, 80.0], "4.8: the mean reaches it")],
)  # fmt: skip
def test_a_goal_is_only_called_reached_where_the_interval_reaches_it(plain: list[float], said: str) -> None:
    ratio = paired(dict(enumerate(plain)), {0: 10.0, 1: 10.0})
    row = Row("plain", "plain", "", (), goal=4.8)
    assert Line("head", row, 1.0, 1.0, ratio, None, None).verdict == said
