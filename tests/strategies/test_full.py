from tlx.plan import HEAD
from tlx.strategies.full import full


def test_everything_trains_from_the_first_step_the_backbone_at_its_own_rate() -> None:
    plan = full(
        ["a", "b"], epochs=4, head_rate=1e-2, backbone_rate=1e-5, patience=2, schedule="constant", warmup=0.2
    )
    (phase,) = plan.phases
    assert phase.trains == {"a": 1e-5, "b": 1e-5, HEAD: 1e-2}
    assert (phase.epochs, phase.patience, phase.schedule, phase.warmup) == (4, 2, "constant", 0.2)
    assert plan.frontier([]) == 0
    assert phase.reinitialise == ()
