import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image

import tlx
from tlx.api import words
from tlx.backbones.tiny import tiny
from tlx.data.datamodule import TransferData
from tlx.data.digits import Digits
from tlx.errors import ConfigError
from tlx.plan import Phase, Plan

FEW: dict[str, Any] = {"data__per_class": 4, "data__val_fraction": 0.02, "data__test_fraction": 0.02}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def two_epochs_of_the_head(stages: tuple[str, ...]) -> Plan:
    return Plan(tuple(stages), (Phase("mine", {"head": 0.01}, epochs=2),))


def test_names_are_composed_and_the_network_comes_back() -> None:
    words: dict[str, Any] = {"model__weights": None, "trainer": "smoke", "strategy": "full", "page": False}
    summary = tlx.fit(**words, **FEW, seed=2, run_dir="runs/one")
    assert (summary["strategy"], summary["seed"]) == ("full", 2)
    network, transform = tlx.load(summary["run_dir"])
    assert network(transform([Image.new("L", (8, 8))] * 3)).shape == (3, 10)
    assert not network.training
    with pytest.raises(ConfigError, match="is finished"):
        tlx.fit(**words, **FEW, seed=2, run_dir="runs/one")


def test_objects_take_the_place_of_names(tmp_path: Path) -> None:
    data = TransferData(Digits(0.02, 0), batch_size=16, per_class=4)
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
        "a.b": "'it\\'s a \\ path, [1]'",
        "c": "[1,'x y']",
        "d": "null",
        "e": "true",
        "f": "0.001",
    }
    rates = {"layer4": 1e-5, "head": 1e-3}
    composed = tlx.compose("fit", words({"strategy": "discriminative", "strategy__rates": rates}))
    assert composed["strategy"]["rates"] == rates
    assert tlx.compose("fit", words({"data": "folder", "data__root": "/it's, here=[1]"}))["data"]["root"] == (
        "/it's, here=[1]"
    )


def test_resume_refuses_another_config_than_the_run_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun = {"model__weights": None, "trainer": "smoke", "page": False, "run_dir": "runs/one", **FEW}
    _stop_early(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        tlx.fit(strategy="full", seed=1, **begun)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    before = (tmp_path / "runs" / "one" / "config.yaml").read_text()
    with pytest.raises(
        ConfigError, match=r"another config than is asked for.*: .*seed=1 there and 2 here.* Try: "
    ):
        tlx.fit(strategy="full", seed=2, resume=True, **begun)
    with pytest.raises(ConfigError, match=r"strategy\._target_='.*full' there and '.*partial' here"):
        tlx.fit(strategy="partial", seed=1, resume=True, **begun)
    assert (tmp_path / "runs" / "one" / "config.yaml").read_text() == before
    assert tlx.fit(strategy="full", seed=1, resume=True, **begun)["seed"] == 1


def test_resume_refuses_objects_with_another_seed_or_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _stop_early(monkeypatch)
    begun = {"trainer": "smoke", "page": False, "run_dir": "runs/one"}
    few, others = Digits(0.02, 0.02), Digits(0.3, 0.02)
    with pytest.raises(KeyboardInterrupt):
        tlx.fit(tiny(None), few, two_epochs_of_the_head, seed=1, **begun)  # type: ignore[arg-type]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"seed=1 there and 2 here"):
        tlx.fit(tiny(None), few, two_epochs_of_the_head, seed=2, resume=True, **begun)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"data.val_fraction=0.02 there and 0.3 here"):
        tlx.fit(tiny(None), others, two_epochs_of_the_head, seed=1, resume=True, **begun)  # type: ignore[arg-type]
    again = tlx.fit(tiny(None), few, two_epochs_of_the_head, seed=1, resume=True, **begun)  # type: ignore[arg-type]
    assert again["seed"] == 1


def test_resume_goes_on_from_python_as_from_the_command_line(tmp_path: Path) -> None:
    """A finished run is complete; more epochs make it longer; anything else has to be allowed."""
    begun: dict[str, Any] = {"model__weights": None, "strategy": "full", "run_dir": "runs/one"}
    begun |= {"trainer": "smoke", "page": False, **FEW}
    first = tlx.fit(**begun)
    record = (tmp_path / "runs" / "one" / "summary.json").stat().st_mtime_ns
    assert tlx.fit(**begun, resume=True, data__num_workers=1) == first
    assert (tmp_path / "runs" / "one" / "summary.json").stat().st_mtime_ns == record
    with pytest.raises(ConfigError, match="is finished, and data.batch_size=8 instead of 32"):
        tlx.fit(**begun, resume=True, data__batch_size=8)
    longer = tlx.fit(**begun, resume=True, trainer__limit_epochs=2)
    assert (first["train/epochs"], longer["train/epochs"]) == (1, 2)
    with pytest.raises(ConfigError, match="over after 2 epochs"):
        tlx.fit(**begun, resume=True)
    changed = tlx.fit(
        **begun, resume=True, trainer__limit_epochs=3, optimizer__weight_decay=0.5, allow_change=True
    )
    assert changed["train/epochs"] == 3
    config = yaml.safe_load((tmp_path / "runs" / "one" / "config.yaml").read_text())
    assert config["optimizer"]["weight_decay"] == 0.5


def test_a_strategy_of_ones_own_is_made_longer_by_its_plan(tmp_path: Path) -> None:
    def epochs(count: int, rate: float = 0.01) -> Any:
        return lambda stages: Plan(tuple(stages), (Phase("mine", {"head": rate}, epochs=count),))

    words: dict[str, Any] = {"trainer": "smoke", "trainer__limit_epochs": None, "run_dir": "runs/own"}
    words |= {"data": "digits", "page": False, **FEW}
    assert tlx.fit(strategy=epochs(1), **words)["train/epochs"] == 1
    assert tlx.fit(strategy=epochs(1), **words, resume=True)["train/epochs"] == 1
    assert tlx.fit(strategy=epochs(2), **words, resume=True)["train/epochs"] == 2
    with pytest.raises(ConfigError, match="compiles to another plan"):
        tlx.fit(strategy=epochs(3, rate=0.1), **words, resume=True)
    assert tlx.fit(strategy=epochs(3, rate=0.1), **words, resume=True, allow_change=True)["train/epochs"] == 3
    assert tlx.fit(strategy=epochs(3, rate=0.1), **words, resume=True)["train/epochs"] == 3


def test_a_source_is_loaded_as_the_options_say_and_the_backbone_stays_as_it_was() -> None:
    backbone = tiny("omniglot")
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    words: dict[str, Any] = {"data__per_class": 3, "data__batch_size": 7, "trainer": "smoke", "page": False}
    summary = tlx.fit(backbone, Digits(0.02, 0.02), "full", **words, run_dir="runs/few")
    assert summary["train/samples"] == 30
    assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.state_dict().items())
    assert all(parameter.requires_grad for parameter in backbone.net.parameters())
    network, _ = tlx.load(summary["run_dir"])
    trained = network.backbone.state_dict()
    assert not all(torch.equal(trained[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"data": 3}, "data is a int"),
        ({"strategy": 3}, "strategy is a int"),
        ({"data": Digits(), "data__val_fraction": 0.5}, "data.val_fraction would be ignored"),
        ({"data": Digits(), "task__label_smoothing": "x"}, "label_smoothing='x'"),
        ({"data": Digits(), "trainer__devices": 2}, "objects cannot be sent to several devices"),
        ({"optimizer__weight_decay": -1}, "does not take optimizer settings"),
        ({"data": "text_csv", "data__root": "texts"}, "reads image and the data is text"),
    ],
)
def test_what_cannot_be_built_leaves_no_run_directory(
    given: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        tlx.fit(trainer="smoke", run_dir="runs/no", **given)
    assert list(tmp_path.iterdir()) == []


def test_a_path_in_the_place_of_data_is_told_where_it_goes(tmp_path: Path) -> None:
    (tmp_path / "photos" / "tvt").mkdir(parents=True)
    with pytest.raises(ConfigError, match="Try: data='folder', data__root='photos/tvt'"):
        tlx.fit(data="photos/tvt")
    (tmp_path / "texts.csv").write_text("text,label\n")
    with pytest.raises(ConfigError, match="Try: data='text_csv', data__train='texts.csv'"):
        tlx.fit(data="texts.csv")
    (tmp_path / "digits").mkdir()
    with pytest.raises(ConfigError, match="no trainer 'smoky'"):
        tlx.fit(data="digits", trainer="smoky")


def test_what_there_is_to_find_is_listed() -> None:
    assert {"fit", "load", "compose", "__version__"} <= set(dir(tlx))
    assert not {"Any", "TYPE_CHECKING"} & set(dir(tlx))


def _stop_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run ends as an interrupted one does, before its first step."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tlx.training.fit", interrupted)
