from tlx.plan import HEAD
from tlx.strategies.feature_extraction import feature_extraction


def test_the_head_trains_and_nothing_else_ever_does() -> None:
    plan = feature_extraction(
        ["a", "b"], epochs=7, head_rate=0.5, patience=3, warmup=0.1, schedule="one_cycle"
    )
    (phase,) = plan.phases
    assert phase.trains == {HEAD: 0.5}
    assert (phase.epochs, phase.patience, phase.warmup, phase.schedule) == (7, 3, 0.1, "one_cycle")
    assert plan.frontier([]) == 2
    assert phase.reinitialise == ()
