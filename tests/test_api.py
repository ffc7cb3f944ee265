import json
from pathlib import Path

import pytest
import yaml
from PIL import Image

import tlx
from tlx.api import words
from tlx.backbones.tiny import tiny
from tlx.data.datamodule import TransferData
from tlx.data.digits import Digits
from tlx.errors import ConfigError
from tlx.plan import Phase, Plan


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def two_epochs_of_the_head(stages: tuple[str, ...]) -> Plan:
    return Plan(tuple(stages), (Phase("mine", {"head": 0.01}, epochs=2),))


def test_names_are_composed_and_the_network_comes_back() -> None:
    summary = tlx.fit(model__weights=None, trainer="smoke", strategy="full", seed=2, run_dir="runs/one")
    assert (summary["strategy"], summary["seed"]) == ("full", 2)
    network, transform = tlx.load(summary["run_dir"])
    assert network(transform([Image.new("L", (8, 8))] * 3)).shape == (3, 10)
    assert not network.training
    with pytest.raises(ConfigError, match="is finished"):
        tlx.fit(model__weights=None, trainer="smoke", strategy="full", seed=2, run_dir="runs/one")


def test_objects_take_the_place_of_names(tmp_path: Path) -> None:
    data = TransferData(Digits(test_fraction=0), batch_size=16)
    summary = tlx.fit(tiny(None), data, two_epochs_of_the_head, trainer="smoke", run_dir="runs/mine")  # type: ignore[arg-type]
    assert summary["strategy"] == "two_epochs_of_the_head"
    assert summary["data"] == "digits"
    assert "test/accuracy" not in summary
    run = tmp_path / "runs" / "mine"
    assert json.loads((run / "plan.json").read_text())["phases"][0]["name"] == "mine"
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["data"]["test_fraction"] == 0
    assert config["model"]["_target_"] == "tlx.backbones.tiny.tiny"


def test_an_object_that_is_no_backbone_is_refused() -> None:
    with pytest.raises(ConfigError, match="model is a int"):
        tlx.fit(3, trainer="smoke", run_dir="runs/no")  # type: ignore[arg-type]


def test_compose_gives_plain_values() -> None:
    config = tlx.compose("fit", ["strategy=full", "seed=4"])
    assert config["seed"] == config["data"]["seed"] == 4


def test_no_module_takes_the_place_of_a_function() -> None:
    import tlx.composition.compose
    import tlx.training

    assert all(callable(getattr(tlx, name)) for name in ("fit", "compose", "load"))
    assert tlx.__version__.count(".") == 2
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tlx.nothing  # noqa: B018


def test_python_values_survive_the_grammar_of_overrides() -> None:
    values = {"a__b": "it's a \\ path, [1]", "c": [1, "x y"], "d": None, "e": True, "f": 1e-3}
    given = dict(word.partition("=")[::2] for word in words(values))
    assert given == {
        "a.b": "'it\\'s a \\\\ path, [1]'",
        "c": "[1,'x y']",
        "d": "null",
        "e": "true",
        "f": "0.001",
    }
    assert tlx.compose("fit", words({"data": "folder", "data__root": "/it's, here=[1]"}))["data"]["root"] == (
        "/it's, here=[1]"
    )
