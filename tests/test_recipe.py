import functools
import sys
import types
from dataclasses import dataclass
from typing import Any

import pytest

from tlx.errors import ConfigError, SecurityError
from tlx.heads.linear import Linear
from tlx.recipe import build, described


@dataclass
class Foreign:
    size: int = 1


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("somebody")
    module.Foreign = Foreign  # type: ignore[attr-defined]
    module.elsewhere = sys.exit  # type: ignore[attr-defined]
    monkeypatch.setattr(Foreign, "__module__", "somebody")
    monkeypatch.setitem(sys.modules, "somebody", module)


def test_a_recipe_becomes_what_it_names() -> None:
    head = build({"_target_": "tlx.heads.linear.Linear", "in_features": 3, "classes": 2, "dropout": 0.5})
    assert isinstance(head, Linear)
    assert head.dropout.p == 0.5


def test_a_partial_recipe_waits_for_the_rest() -> None:
    waiting = build({"_target_": "tlx.heads.linear.Linear", "dropout": 0.5}, partial=True)
    assert waiting(in_features=3, classes=2).linear.weight.shape == (2, 3)


def test_partial_is_hydras_own_word_at_any_depth() -> None:
    recipe = {"_target_": "tlx.heads.linear.Linear", "_partial_": True, "dropout": 0.5}
    assert build(recipe)(in_features=3, classes=2).dropout.p == 0.5
    inner = build({"_target_": "tlx.heads.linear.Linear", "_partial_": True, "dropout": [recipe]})
    assert inner.keywords["dropout"][0](in_features=3, classes=2).dropout.p == 0.5
    with pytest.raises(ConfigError, match="_partial_='yes'"):
        build(recipe | {"_partial_": "yes"})
    with pytest.raises(SecurityError):
        build({"_target_": "os.system", "_partial_": True})


def test_a_callable_and_its_recipe_are_one_to_one() -> None:
    inner = {"_target_": "tlx.strategies.full.full", "_partial_": True, "epochs": 1}
    recipe = {
        "_target_": "tlx.tasks.multiclass.Multiclass",
        "_partial_": True,
        "class_weights": inner,
        "monitor": ["a", {"b": 1}],
    }
    assert described(build(recipe)) == recipe
    assert described(Linear) == {"_target_": "tlx.heads.linear.Linear", "_partial_": True}


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        (functools.partial(Linear, 3), "bound without a name"),
        (functools.partial(Linear, dropout=Linear(1, 1)), "dropout is a Linear, which no config"),
        (lambda: None, "cannot be found again by a dotted path"),
        (Linear(1, 1).forward, "cannot be found again"),
    ],
)
def test_a_callable_that_no_recipe_can_hold_is_refused(waiting: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        described(waiting)


@pytest.mark.parametrize(
    "path", ["os.system", "torch.load", "tlx.types.np.load", "tlx.recipe.importlib.import_module"]
)
def test_a_refusal_comes_before_the_arguments_are_looked_at(path: str) -> None:
    built: list[Any] = []
    with pytest.raises((SecurityError, ConfigError)):
        build({"_target_": path, "unknown": built})
    assert built == []


def test_a_nested_recipe_is_held_to_the_same_list() -> None:
    with pytest.raises(SecurityError, match="os.system"):
        build({"_target_": "tlx.heads.linear.Linear", "in_features": {"deep": [{"_target_": "os.system"}]}})


@pytest.mark.usefixtures("package")
def test_trust_opens_one_package_and_no_further() -> None:
    with pytest.raises(SecurityError, match=r"trust=\[somebody\]"):
        build({"_target_": "somebody.Foreign"})
    assert build({"_target_": "somebody.Foreign", "size": 3}, trust=["somebody"]).size == 3
    with pytest.raises(SecurityError, match="leads out of somebody"):
        build({"_target_": "somebody.elsewhere"}, trust=["somebody"])


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"_target_": "tlx.heads.linear.Liner"}, "Try: tlx.heads.linear.Linear"),
        ({"_target_": "tlx.heads.lineal.Linear"}, "there is no module 'tlx.heads.lineal'"),
        ({"_target_": "tlx.plan.HEAD"}, "not among what a config may name"),
        ({"_target_": "tlx.heads.linear.Linear", "widht": 3}, "it takes in_features, classes, dropout"),
        ({"_target_": "tlx.heads.linear.Linear"}, "missing a required argument"),
    ],
)
def test_a_recipe_that_cannot_work_says_why(recipe: dict[str, Any], said: str) -> None:
    with pytest.raises((ConfigError, SecurityError), match=said):
        build(recipe)
