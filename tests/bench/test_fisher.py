import pytest

from scripts.bench.fisher import CASES, GOALS, caption, measured, table
from scripts.bench.rows.fisher_loops import case, error, loops


def result(naive: float, memory: int, error: float) -> dict:
    return {
        "seconds": {"naive": [naive, naive * 1.1], "tlx": [1.0, 1.1], "vmap-8": [2.0, 2.1]},
        "samples": 10,
        "memory": {"naive": 2**20, "tlx": memory, "vmap-8": 90 * 2**20},
        "error": {"naive": 0.0, "tlx": error, "vmap-4": 0.0},
    }


def test_the_table_says_of_each_goal_whether_it_is_reached() -> None:
    well, badly = table({"bert": result(1.5, 2**20, 1e-5)}), table({"bert": result(1.3, 2**26, 1e-3)})
    assert "1.50 [" in well and "goal 1.4: reached" in well and "missed" not in well
    assert "0.01 of vmap-8" in well
    assert badly.count("missed") == 3 and "reached" not in badly


def test_a_goal_that_the_interval_reaches_below_is_reached_by_the_mean_alone() -> None:
    found = result(1.5, 2**20, 1e-5)
    found["seconds"] = {"naive": [1.2, 2.4], "tlx": [1.0, 1.0], "vmap-8": [2.0, 2.0]}
    assert "goal 1.4: the mean reaches it" in table({"bert": found})


def test_the_caption_says_how_many_samples_there_were() -> None:
    of = {"date": "2026-01-02", "processor": {"name": "A processor"}}
    case = {**result(2, 1, 0), "versions": {"torch": "2.15.0+cu132"}}
    said = caption({**of, "cases": {"bert": case}})
    assert said.startswith("2026-01-02, A processor, one thread, torch 2.15.0; samples: 10 of BERT")


def test_every_case_has_a_goal() -> None:
    assert CASES.keys() == GOALS.keys()


def test_memory_is_measured_for_each_way_that_was_timed() -> None:
    asked = []

    def call(words: list[str]) -> dict:
        asked.append(words)
        return {**result(2, 1, 0), "bytes": len(asked)}

    found = measured("resnet20", 10, 2, call)
    assert found["memory"] == {"naive": 2, "tlx": 3, "vmap-8": 4}
    assert ["case=resnet20", "samples=8", "what=error"] in asked


@pytest.mark.parametrize("name", ["resnet20", "bert"])
def test_all_ways_compute_the_same(name: str) -> None:
    """In single precision: one flipped ReLU is 1e-4."""
    found = error(name, 4)
    assert max(found.values()) < 2e-4


def test_torch_func_is_tried_with_no_more_samples_than_there_are() -> None:
    assert list(loops(case("resnet20", 8))) == ["naive", "tlx", "vmap-4", "vmap-8"]
