from typing import Any

import pytest

from scripts.reproduction.table import caption, markdown
from tlx.composition.compose import compose


def entry(case: str, seed: int, accuracy: float) -> dict[str, Any]:
    return {"case": case, "seed": seed, "accuracy": accuracy}


@pytest.fixture
def result() -> dict[str, Any]:
    runs = [entry("split_mnist-task-none", seed, share) for seed, share in enumerate((0.90, 0.92, 0.94))]
    return {
        "date": "2026-01-02",
        "versions": {"torch": "2.15.0", "python": "3.11.7"},
        "runs": [entry("split_mnist-domain-lwf", 0, 0.7), *runs],
        "failed": [],
    }


def test_a_row_has_mean_interval_and_what_was_published(result: dict[str, Any]) -> None:
    rows = markdown(result).splitlines()[2:]
    # 92 -+ 4.303 * 2 / sqrt(3)
    none = "| `split_mnist_task_none` | 3 | 92.00 [87.03, 96.97] | 87.19, 93.46, 85.41 | yes |"
    assert rows == [none, "| `split_mnist_domain_lwf` | 1 | 70.00 | 71.5, 71.02 | one seed |"]


def test_a_row_says_where_nothing_was_published(result: dict[str, Any]) -> None:
    result["runs"] = [entry("split_mnist-domain-ewc_batched", 0, 0.7)]
    assert markdown(result).endswith("| `split_mnist_domain_ewc_batched` | 1 | 70.00 |  | none published |")


def test_the_caption_names_the_sources_of_what_is_there_and_what_failed(result: dict[str, Any]) -> None:
    said = caption(result)
    assert "2026-01-02" in said and "python 3.11.7, torch 2.15.0" in said
    assert "arXiv 1904.07734" in said and "Avalanche" not in said and "failed" not in said
    result["failed"] = [{"case": "split_mnist-task-none", "seed": 3, "reason": "killed"}]
    assert "1 sequences failed and are left out" in caption(result)


def test_the_caption_says_what_differs_from_the_publications_without_a_method(result: dict[str, Any]) -> None:
    assert caption(result).count("an Adam of its own for each task") == 1
    result["runs"] = [run for run in result["runs"] if not run["case"].endswith("none")]
    assert "Adam" not in caption(result)


def test_the_caption_says_what_sequences_were_told_beside_their_experiment(result: dict[str, Any]) -> None:
    assert "besides" not in caption(result)
    for run in result["runs"][1:]:
        run["words"] = ["strategy.epochs=1"]
    assert caption(result).count("split_mnist-task-none was told strategy.epochs=1 besides.") == 1


def test_the_caption_says_whose_orders_permuted_mnist_has(result: dict[str, Any]) -> None:
    assert "sequence.seed" not in caption(result)
    result["runs"].append(entry("permuted_mnist-domain-ewc_exact", 0, 0.9))
    assert "`sequence.seed`, which follows `seed`" in caption(result)


def test_each_seed_of_permuted_mnist_has_orders_of_its_own() -> None:
    """What the caption says."""
    found = [
        compose("sequence", ["experiment=permuted_mnist", "data.file=x.npz", f"seed={seed}"]).config[
            "sequence"
        ]
        for seed in (0, 1)
    ]
    assert [node["seed"] for node in found] == [0, 1]
