from tlx.composition.compose import compose
from tlx.composition.job import make_data
from tlx.protocols.advice.fewer_samples import fewer_samples

NODE = compose("fit", ["data.batch_size=7"]).config["data"]


def test_few_samples_stay_as_they_are() -> None:
    assert fewer_samples(NODE, make_data(NODE).splits, 2000, 0) == NODE


def test_of_many_a_share_of_each_split_is_left_and_loading_stays_outside() -> None:
    splits = make_data(NODE).splits
    found = fewer_samples(NODE, splits, 300, 3)
    assert (found["batch_size"], found["draw_seed"]) == (7, 3)
    assert "batch_size" not in found["of"]
    left = make_data(found).splits
    assert left.test is not None
    assert all(290 <= len(split) <= 310 for split in left[:3] if split is not None)
    assert left.classes == splits.classes


def test_where_a_few_of_each_class_are_drawn_train_is_left_alone() -> None:
    node = {**NODE, "per_class": 20}
    found = fewer_samples(node, make_data(node).splits, 100, 0)
    left = make_data(found).splits
    assert found["train"] == 1.0
    assert (len(left.train), 90 <= len(left.val) <= 110) == (200, True)
