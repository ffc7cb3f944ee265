import pytest

from tlx.composition.compose import compose
from tlx.composition.groups import choices
from tlx.origin.regularizer import Regularizer
from tlx.recipe import build


@pytest.mark.parametrize("name", [name for name in choices("regularizer") if name != "none"])
def test_every_choice_is_one_under_its_own_name(name: str) -> None:
    node = compose("fit", [f"regularizer={name}"]).config["regularizer"][name]
    made = build(node)
    assert isinstance(made, Regularizer)
    assert made.name == name and made.strength == node["strength"]
    assert isinstance(made.replaces_weight_decay, bool)
