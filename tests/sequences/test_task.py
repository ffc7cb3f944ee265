from tests.sequences.given import NODE
from tlx.sequences.task import loading_of, recipe_of, renamed, with_source


def test_a_data_node_is_a_recipe_and_how_it_is_loaded() -> None:
    assert recipe_of(NODE) == {"_target_": "tlx.data.npz.NumpyFile", "file": "photos.npz"}
    assert loading_of(NODE) == {"batch_size": 8, "seed": 3}
    assert with_source(NODE, {"_target_": "other"}) == {"_target_": "other", "batch_size": 8, "seed": 3}


def test_classes_under_other_names_are_a_recipe_around_another() -> None:
    found = renamed(recipe_of(NODE), "ab", ["first", "second"])
    assert found["of"] == recipe_of(NODE)
    assert found["classes"] == ["a", "b"] and found["names"] == ["first", "second"]
