import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tlx.composition.amend import amended, changed
from tlx.composition.compose import compose
from tlx.errors import ConfigError

SAVED = compose("fit", ["data.batch_size=7"]).config


def test_keys_of_a_run_can_be_changed_and_the_run_stays_as_it_was() -> None:
    before = copy.deepcopy(SAVED)
    found = amended(SAVED, {"data.num_workers": "2", "data.augment": "none"})
    assert (found["data"]["num_workers"], found["data"]["augment"]) == (2, "none")
    assert found["data"]["batch_size"] == 7
    assert before == SAVED


def test_another_folder_of_the_cache_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert changed(SAVED, {"cache.folder": "kept"})["cache"]["folder"] == str(tmp_path / "kept")
    assert changed(SAVED, {"seed": "1"})["cache"] == SAVED["cache"]


def test_other_data_replace_those_of_the_run() -> None:
    found = amended(SAVED, {"data": "folder", "data.root": "/photos"})
    assert found["data"]["_target_"] == "tlx.data.folder.Folder"
    assert found["data"]["root"] == "/photos"
    assert found["model"] == SAVED["model"]


NESTED = compose("fit", ["data=by_classes", "data.classes=[0,1]"]).config


def test_a_key_inside_of_a_node_changes_alone() -> None:
    before = copy.deepcopy(NESTED)
    found = amended(NESTED, {"data.of.split_seed": "7", "data.classes": "[3,4]"})
    assert found["data"] == before["data"] | {
        "of": before["data"]["of"] | {"split_seed": 7},
        "classes": [3, 4],
    }
    assert before == NESTED
    with pytest.raises(ConfigError, match="no key 'data.of.split_sed'.* Try: data.of.split_seed"):
        amended(NESTED, {"data.of.split_sed": "7"})


def test_a_key_of_one_node_of_a_list_changes_alone(tmp_path: Path) -> None:
    node = "{_target_: tlx.data.folder.Folder, root: /photos}"
    saved = compose("fit", ["data=joined", f"data.of=[{node},{node}]"]).config
    found = amended(saved, {"data.of.1.root": str(tmp_path)})
    assert [each["root"] for each in found["data"]["of"]] == ["/photos", str(tmp_path)]
    assert changed(saved, {"data.of.0.root": "/other"})["data"]["of"][0]["root"] == "/other"


@pytest.mark.parametrize("change", [amended, changed])
def test_other_data_may_have_other_data_inside(change: Callable[..., dict[str, Any]]) -> None:
    words = {"data": "permuted", "data@data.of": "folder", "data.of.root": "/photos", "data.order_seed": "1"}
    found = change(SAVED, words)["data"]
    assert (found["of"]["root"], found["order_seed"]) == ("/photos", 1)
    with pytest.raises(ConfigError, match="no key 'data@data.of'"):
        change(NESTED, {"data@data.of": "folder"})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"data.roto": "x"}, "no key 'data.roto'"),
        ({"data": "foldr"}, "Try: data=folder"),
        ({"strategy": "full"}, "no key 'strategy'"),
    ],
)
def test_what_does_not_exist_is_refused(options: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        amended(SAVED, options)


def test_the_keys_that_are_known_are_those_a_person_may_change() -> None:
    with pytest.raises(ConfigError, match="data.batch_size") as caught:
        amended(SAVED, {"foo": "1"})
    assert "_target_" not in str(caught.value)


def test_any_key_of_a_run_can_be_changed_alone_at_any_depth() -> None:
    before = copy.deepcopy(SAVED)
    words = {"seed": "3", "model.head.dropout": "0.2", "strategy.head_epochs": "9", "ema": "null"}
    found = changed(SAVED, words)
    assert found["seed"] == 3
    assert found["data"]["seed"] == 0, "what was derived from it stays"
    assert (found["model"]["head"]["dropout"], found["strategy"]["head_epochs"]) == (0.2, 9)
    assert before == SAVED


def test_another_choice_takes_its_keys_and_its_name_with_it() -> None:
    found = changed(SAVED, {"strategy": "partial", "strategy.epochs": "3", "logger": "tensorboard"})
    assert found["strategy"]["_target_"].endswith("partial")
    assert found["strategy"]["epochs"] == 3
    assert found["names"]["strategy"] == "partial"
    assert found["logger"]["_target_"] != SAVED["logger"]["_target_"]


@pytest.mark.parametrize("key", ["strategy.epochs_of_head", "strategy._target_", "_target_", "names.data"])
def test_a_key_that_nobody_can_change_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=f"no key '{key}'. Known: cache, "):
        changed(SAVED, {key: "os.system"})
