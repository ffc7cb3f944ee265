import pytest

from tlx.errors import ConfigError
from tlx.plan import HEAD
from tlx.strategies.partial import partial


def test_the_last_stages_train_and_the_lower_ones_are_a_frozen_prefix() -> None:
    plan = partial(["a", "b", "c"], unfrozen=2, head_rate=1e-2, backbone_rate=1e-4, epochs=3, patience=1)
    (phase,) = plan.phases
    assert phase.trains == {"b": 1e-4, "c": 1e-4, HEAD: 1e-2}
    assert plan.frontier([]) == 1
    assert (phase.epochs, phase.patience) == (3, 1)


@pytest.mark.parametrize("unfrozen", [0, 4])
def test_it_refuses_more_stages_than_there_are(unfrozen: int) -> None:
    with pytest.raises(ConfigError, match=f"unfrozen={unfrozen} .* 1 to 3"):
        partial(["a", "b", "c"], unfrozen=unfrozen)
