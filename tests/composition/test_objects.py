import functools
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from tlx.backbones.tiny import tiny
from tlx.composition.compose import compose
from tlx.composition.objects import OBJECT, check_objects, with_objects
from tlx.data.datamodule import TransferData
from tlx.data.digits import Digits
from tlx.errors import ConfigError
from tlx.strategies.full import full

DATASET = TensorDataset(torch.zeros(3, 1))


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ({"model": 3}, "model is a int. Expected a name or a StagedBackbone"),
        ({"model": torch.nn.Linear(1, 1)}, "model is a Linear"),
        ({"data": 3}, r"data is a int. Expected a name, a source \(kind, flip, splits, describe\)"),
        ({"data": DATASET}, "data is a TensorDataset"),
        ({"data": np.zeros(3)}, "data is a ndarray"),
        ({"data": Digits}, "data is the class Digits"),
        ({"strategy": 3}, "strategy is a int. Expected a name or a function from stages to a Plan"),
        ({"strategy": None}, "strategy is a NoneType"),
    ],
)
def test_what_cannot_stand_for_a_name_is_told_what_may(objects: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_objects(objects, [])


@pytest.mark.parametrize(
    ("objects", "key"),
    [
        ({"data": Digits()}, "data.val_fraction"),
        ({"data": TransferData(Digits())}, "data.batch_size"),
        ({"model": tiny(None)}, "model.weights"),
        ({"strategy": full}, "strategy.epochs"),
    ],
)
def test_a_key_that_an_object_would_swallow_is_refused(objects: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key} would be ignored.* Try: "):
        check_objects(objects, ["seed", key])


def test_keys_that_are_read_beside_objects_are_left_alone() -> None:
    objects = {"model": tiny(None), "data": Digits()}
    check_objects(
        objects, ["model.head.dropout", "data.batch_size", "data.per_class", "strategy.epochs", "seed"]
    )


def test_the_config_says_what_is_known_of_objects() -> None:
    composed = compose("fit", ["data.batch_size=7", "model.head.dropout=0.25"])
    objects = {"model": tiny(None), "data": Digits(0.3), "strategy": functools.partial(full, epochs=2)}
    config = with_objects(composed, objects).config
    assert config["names"] == {"model": "tiny", "data": "digits", "strategy": "full"}
    assert (config["data"]["val_fraction"], config["data"]["batch_size"]) == (0.3, 7)
    assert config["model"]["head"]["dropout"] == 0.25
    assert all(config[group]["object"] == OBJECT for group in objects)
    assert "object" not in composed.config["data"]


def test_the_loading_of_a_transferdata_is_its_own() -> None:
    composed = compose("fit", ["seed=3"])
    config = with_objects(composed, {"data": TransferData(Digits(), batch_size=5, seed=8)}).config
    assert (config["data"]["batch_size"], config["data"]["seed"], config["seed"]) == (5, 8, 3)
