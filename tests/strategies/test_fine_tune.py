import pytest

from tlx.errors import ConfigError
from tlx.plan import HEAD
from tlx.strategies.feature_extraction import feature_extraction
from tlx.strategies.fine_tune import fine_tune


def test_the_head_trains_alone_and_then_everything_at_rates_that_fall_downwards() -> None:
    plan = fine_tune(["a", "b"], head_epochs=3, head_rate=0.1, epochs=4, rate=0.01, decay=0.5, patience=2)
    head, everything = plan.phases
    assert (head.trains, head.epochs, head.patience) == ({HEAD: 0.1}, 3, None)
    assert everything.trains == pytest.approx({"a": 0.0025, "b": 0.005, HEAD: 0.01})
    assert (everything.epochs, everything.patience, everything.warmup) == (4, 2, 0.1)
    assert [plan.frontier([]), plan.frontier([None])] == [2, 0]  # type: ignore[list-item]


def test_its_first_phase_is_feature_extraction_but_for_the_length() -> None:
    (alone,), head = feature_extraction(["a"]).phases, fine_tune(["a"]).phases[0]
    assert (head.trains, head.schedule, head.warmup) == (alone.trains, alone.schedule, alone.warmup)


@pytest.mark.parametrize(("stages", "average"), [(5, 9e-5), (13, 4.5e-5)])
def test_the_average_rates_are_those_that_the_docstring_gives(stages: int, average: float) -> None:
    rates = fine_tune([f"s{n}" for n in range(stages)]).phases[1].trains
    backbone = [rate for part, rate in rates.items() if part != HEAD]
    assert sum(backbone) / len(backbone) == pytest.approx(average, rel=0.05)


@pytest.mark.parametrize("decay", [0.0, -0.5, 1.5])
def test_it_refuses_a_decay_that_is_none(decay: float) -> None:
    with pytest.raises(ConfigError, match=f"decay={decay}"):
        fine_tune(["a"], decay=decay)
