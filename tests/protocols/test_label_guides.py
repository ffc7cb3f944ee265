import pytest

from tlx.protocols.label_guides import label_guides

STAGES = ("stem", "layer1", "layer2", "layer3")


@pytest.mark.parametrize(
    ("total", "strategy"),
    [
        (499, "feature_extraction"),
        (500, "fine_tune"),
        (4_999, "fine_tune"),
        (5_000, "discriminative"),
        (99_999, "discriminative"),
        (100_000, "full"),
    ],
)
def test_the_table_by_all_labels(total: int, strategy: str) -> None:
    by_all, _ = label_guides([total - 10, 10], STAGES)
    assert (by_all.counted, by_all.strategy) == (total, f"strategy={strategy}")


def test_the_table_by_the_smallest_class_is_that_of_strategy_auto() -> None:
    _, by_least = label_guides([5_000, 120], STAGES)
    assert (by_least.name, by_least.counted) == ("smallest class", 120)
    assert by_least.strategy == "strategy=partial strategy.head_rate=0.01 strategy.backbone_rate=1e-05"
    assert "100 to 299" in by_least.rule


def test_many_small_classes_make_the_tables_differ() -> None:
    by_all, by_least = label_guides([10] * 1000, STAGES)
    assert (by_all.strategy, by_least.strategy) == ("strategy=discriminative", "strategy=feature_extraction")
