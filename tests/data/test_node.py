import pytest

from tests.sequences.given import NODE
from tlx.data.node import LOADING, data_beside, data_named, loading_of, recipe_of, with_source


def test_a_data_node_is_a_recipe_and_how_it_is_loaded() -> None:
    assert recipe_of(NODE) == {"_target_": "tlx.data.npz.NumpyFile", "file": "photos.npz"}
    assert loading_of(NODE) == {"batch_size": 8, "seed": 3}
    assert set(loading_of(NODE)) < set(LOADING)
    assert with_source(NODE, {"_target_": "other"}) == {"_target_": "other", "batch_size": 8, "seed": 3}


def test_data_is_called_after_its_folder() -> None:
    assert data_named({"root": "/data/sketch/"}, "folder") == "sketch"
    assert data_named({"root": "/"}, "folder") == "folder"
    assert data_named({"root": None}, "torchvision") == "torchvision"


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ({"_target_": "tlx.data.by_classes.ByClasses"}, "by_classes"),
        ({"_target_": "tlx.data.npz.NumpyFile"}, "npz"),
        ({"_target_": "tlx.data.folder.Folder", "root": "/data/sketch"}, "sketch"),
        ({"_target_": "mine.datasets.Leaves"}, "Leaves"),
    ],
)
def test_data_beside_the_target_is_called_after_its_folder_or_its_choice(
    node: dict[str, str], name: str
) -> None:
    assert data_beside(node) == name
