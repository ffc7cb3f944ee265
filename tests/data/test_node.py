from tests.sequences.given import NODE
from tlx.data.node import LOADING, loading_of, recipe_of, with_source


def test_a_data_node_is_a_recipe_and_how_it_is_loaded() -> None:
    assert recipe_of(NODE) == {"_target_": "tlx.data.npz.NumpyFile", "file": "photos.npz"}
    assert loading_of(NODE) == {"batch_size": 8, "seed": 3}
    assert set(loading_of(NODE)) < set(LOADING)
    assert with_source(NODE, {"_target_": "other"}) == {"_target_": "other", "batch_size": 8, "seed": 3}
