import pytest

from tlx.composition.compose import compose
from tlx.composition.job import make_data
from tlx.composition.sources import without_loading
from tlx.errors import ConfigError

NPZ = ("data@data.of=npz", "data.of.file=set.npz")
TASK = ("data=by_classes", "data.classes=[0,1]")


def test_a_choice_of_data_can_stand_inside_another_with_its_arguments_alone() -> None:
    data = compose("fit", [*TASK, *NPZ, "data.of.split_seed=3", "data.batch_size=8"]).config["data"]
    assert data["of"]["_target_"] == "tlx.data.npz.NumpyFile"
    assert (data["of"]["split_seed"], data["batch_size"]) == (3, 8)
    assert not {"batch_size", "seed", "augment"} & set(data["of"])


def test_so_it_can_at_any_depth_and_for_the_source() -> None:
    words = ("data@source=permuted", "data@source.of=by_classes", "data@source.of.of=npz")
    source = compose("fit", [*words, "source.of.of.file=x", "source.of.classes=[a,b]"]).config["source"]
    assert source["of"]["of"] == {
        "_target_": "tlx.data.npz.NumpyFile",
        "file": "x",
        "classes": None,
        "val_fraction": 0.2,
        "test_fraction": 0.2,
        "split_seed": 0,
        "flip": False,
        "duplicates": "warn",
    }
    assert "batch_size" not in source["of"]
    assert source["batch_size"] == 32


def test_the_seed_inside_follows_that_of_the_run() -> None:
    assert "seed" not in compose("fit", [*TASK, "seed=5"]).config["data"]["of"]


@pytest.mark.parametrize("key", ["data.of.batch_size=64", "data.of.per_class=5", "data.of.seed=7"])
def test_a_key_of_loading_that_is_set_inside_is_refused_with_the_one_that_is_read(key: str) -> None:
    outer = key.replace(".of.", ".")
    with pytest.raises(ConfigError, match=f"{key} would be ignored: .* Try: {outer}$"):
        compose("fit", [*TASK, key])


def test_of_a_list_of_sources_each_is_looked_at() -> None:
    part = {"_target_": "tlx.data.digits.Digits", "split_seed": 1}
    node = {"of": [part, {**part, "batch_size": 32}], "classes": ["a"], "batch_size": 7, "label": {"x": 1}}
    assert without_loading(node, "data", 0) == node | {"of": [part, part]}
    node["of"] = [part, {**part, "augment": "none"}]
    with pytest.raises(ConfigError, match=r"data\.of\.1\.augment=none would be .* Try: data\.augment=none"):
        without_loading(node, "data", 0)


@pytest.mark.parametrize("key", ["source.augment", "source.of.augment"])
def test_samples_of_the_source_are_never_varied_and_a_wish_for_it_is_refused(key: str) -> None:
    words = ["data@source=by_classes", "source.classes=[0,1]", f"{key}=always"]
    with pytest.raises(ConfigError, match=f"{key}=always would be ignored: .* as they are") as refused:
        compose("fit", words)
    assert refused.value.fix.startswith("source.augment=auto, or data.augment=always")
    for kept in ("auto", "none"):
        assert compose("fit", [*words[:2], f"source.augment={kept}"]).config["source"]["augment"] == kept


def test_what_is_composed_can_be_built() -> None:
    data = make_data(compose("fit", [*TASK, "data.names=[zero,one]"]).config["data"])
    assert data.classes == ("zero", "one")
