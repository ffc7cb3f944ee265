from typing import Any

import pytest

from tlx.backbones.tiny import tiny
from tlx.composition.compose import compose
from tlx.composition.job import make_data, make_head, make_job
from tlx.data.datamodule import TransferData
from tlx.data.digits import Digits
from tlx.data.node import LOADING
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
    assert set(LOADING) == {
        "batch_size",
        "eval_batch_size",
        "num_workers",
        "worker_timeout",
        "per_class",
        "augment",
        "seed",
    }
    data = make_data({"_target_": "tlx.data.digits.Digits", "val_fraction": 0.3, "per_class": 4})
    assert data.per_class == 4
    assert data.source.describe()["val_fraction"] == 0.3
    with pytest.raises(ConfigError, match="names no data set"):
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
        ("task.label_smoothing=1", "label_smoothing=1 is not usable. Expected a share in"),
        ("task.label_smoothing=true", "label_smoothing=True"),
        ("monitor=accuracy", "monitor of multiclass 'accuracy'"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_by_its_key(override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace(".", r"\.")):
        make_job(config(override))


def test_a_value_of_a_source_inside_of_another_is_named_by_its_key_too() -> None:
    words = ("data=by_classes", "data.classes=[0,1]")
    with pytest.raises(ConfigError, match=r"data\.of\.val_fraction='half' is not usable. Expected a number"):
        make_job(config(*words, "data.of.val_fraction=half"))
    node = "{_target_: tlx.data.digits.Digits, split_seed: %s}"
    with pytest.raises(ConfigError, match=r"data\.of\.1\.split_seed=1\.5 is not usable"):
        make_job(config("data=joined", f"data.of=[{node % 1}, {node % 1.5}]"))
    with pytest.raises(SecurityError):
        make_job(config(*words, "data.of._target_=os.system"))


def test_a_whole_number_serves_where_a_number_is_asked() -> None:
    make_job(config("trainer.checkpoint_seconds=30", "strategy.head_rate=1"))


def test_a_foreign_target_is_refused_unless_trusted() -> None:
    with pytest.raises(SecurityError):
        make_job(config() | {"strategy": {"_target_": "os.system", "command": "true"}})
    with pytest.raises(SecurityError):
        make_head({"_target_": "torch.nn.Linear"})


@pytest.mark.parametrize(
    "overrides",
    [
        ("optimizer.weight_decay=-1",),
        ("optimizer=sgd", "optimizer.momentum=0"),
        ("optimizer.betas=[0.9]",),
        ("optimizer.betas=[a,b]",),
    ],
)
def test_an_optimizer_that_cannot_be_made_is_refused_while_the_job_is_built(
    overrides: tuple[str, ...],
) -> None:
    with pytest.raises(ConfigError, match="does not take optimizer settings"):
        make_job(config(*overrides))


def test_a_choice_that_yaml_reads_as_a_number_is_answered_with_the_choices() -> None:
    with pytest.raises(ConfigError, match="no trainer.precision '12'. Known: 16-mixed, 32-true, bf16-mixed"):
        make_job(config("trainer.precision=12"))


def test_data_that_the_model_does_not_read_are_refused() -> None:
    with pytest.raises(
        ConfigError, match="the model tiny reads image and the data is text.* Try: a model that"
    ):
        make_job(config("data=text_csv", "data.root=/texts"))


@pytest.mark.parametrize(
    "override", ["+strategy.foo=1", "+model.foo=1", "+model.head.foo=1", "+data.foo=1", "+trainer.foo=1"]
)
def test_an_added_key_that_nothing_takes_is_refused(override: str) -> None:
    with pytest.raises(ConfigError, match="unexpected keyword argument 'foo'"):
        make_job(config(override))


def test_objects_stand_for_their_nodes_and_a_source_keeps_the_loading() -> None:
    backbone, source = tiny(None), Digits(test_fraction=0)
    job = make_job(config("data.batch_size=7", "data.per_class=3"), model=backbone, data=source)
    assert job.backbone is backbone
    assert job.data.source is source
    assert (job.data.batch_size, len(job.data.splits.train)) == (7, 30)
    own = TransferData(source, batch_size=5)
    assert make_job(config(), data=own).data is own


def test_the_checks_of_a_config_hold_beside_objects() -> None:
    for override, said in (
        ("task.label_smoothing=x", "label_smoothing='x'"),
        ("data.batch_size=x", "data.batch_size"),
    ):
        with pytest.raises(ConfigError, match=said):
            make_job(config(override), model=tiny(None), data=Digits())
