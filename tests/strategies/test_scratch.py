from tlx.plan import HEAD
from tlx.strategies.scratch import scratch


def test_every_stage_starts_from_random_values_and_trains_at_one_rate() -> None:
    plan = scratch(["a", "b"], epochs=4, rate=1e-2, patience=2, schedule="constant", warmup=0.2)
    (phase,) = plan.phases
    assert phase.trains == {"a": 1e-2, "b": 1e-2, HEAD: 1e-2}
    assert phase.reinitialise == ("a", "b")
    assert (phase.epochs, phase.patience, phase.schedule, phase.warmup) == (4, 2, "constant", 0.2)
