from tests.sequences.given import NODE
from tlx.data.node import recipe_of
from tlx.sequences.task import renamed


def test_classes_under_other_names_are_a_recipe_around_another() -> None:
    found = renamed(recipe_of(NODE), "ab", ["first", "second"])
    assert found["of"] == recipe_of(NODE)
    assert found["classes"] == ["a", "b"] and found["names"] == ["first", "second"]
