from typing import Any

import pytest

from tlx.composition.compose import compose
from tlx.composition.job import LOADING, check_values, make_data, make_head, make_job
from tlx.data.digits import Digits
from tlx.errors import ConfigError, SecurityError


def config(*overrides: str) -> dict[str, Any]:
    return compose("fit", ["model.weights=null", *overrides]).config


def test_a_config_becomes_the_objects_of_a_run() -> None:
    job = make_job(config("data.batch_size=7", "strategy=full", "seed=5", "model.head.dropout=0.25"))
    assert job.data.batch_size == 7
    assert isinstance(job.data.source, Digits)
    assert job.seed == job.data.seed == 5
    assert job.head(in_features=3, classes=2).dropout.p == 0.25
    assert job.head_recipe["_target_"] == "tlx.heads.linear.Linear"
    assert len(job.strategy(("a", "b")).phases) == 1
    assert job.names["strategy"] == "full"


def test_a_flat_data_node_is_divided_by_the_signature_of_the_loading() -> None:
    assert set(LOADING) == {"batch_size", "eval_batch_size", "num_workers", "per_class", "augment", "seed"}
    data = make_data({"_target_": "tlx.data.digits.Digits", "val_fraction": 0.3, "per_class": 4})
    assert data.per_class == 4
    assert data.source.describe()["val_fraction"] == 0.3
    with pytest.raises(ConfigError, match="names no source"):
        make_data({"batch_size": 3})


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("data.batch_size=many", "data.batch_size='many' is not usable. Expected a whole number"),
        ("data.batch_size=1.5", "data.batch_size=1.5"),
        ("data.per_class=true", "data.per_class=True is not usable. Expected a whole number or null"),
        ("model.weights=3", "model.weights=3 is not usable. Expected text or null"),
        ("model.head.dropout=high", "model.head.dropout='high'"),
        ("strategy.head_rate=fast", "strategy.head_rate='fast' is not usable. Expected a number"),
        ("trainer.devices=all", "trainer.devices='all'"),
        ("label_smoothing=1", "label_smoothing=1 is not usable. Expected a share in"),
        ("label_smoothing=true", "label_smoothing=True"),
        ("monitor=accuracy", "monitor='accuracy'"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_by_its_key(override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace(".", r"\.")):
        make_job(config(override))


def test_a_whole_number_serves_where_a_number_is_asked() -> None:
    make_job(config("trainer.checkpoint_seconds=30", "strategy.head_rate=1"))


def test_annotations_that_are_not_plain_are_left_to_the_class() -> None:
    check_values({"_target_": "tlx.data.folder.Folder", "extensions": [".png"]}, "data")


def test_a_foreign_target_is_refused_unless_trusted() -> None:
    with pytest.raises(SecurityError):
        make_job(config() | {"strategy": {"_target_": "os.system", "command": "true"}})
    with pytest.raises(SecurityError):
        make_head({"_target_": "torch.nn.Linear"})
