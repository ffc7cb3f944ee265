from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException

from tlx.composition.compose import compose, digest, explained, known_keys, plain_stem
from tlx.composition.groups import conf_folder
from tlx.errors import ConfigError


def test_a_config_is_plain_and_complete() -> None:
    config = compose("fit").config
    assert config["names"] == {"model": "tiny", "data": "digits", "strategy": "gradual_unfreezing"}
    assert type(config["model"]) is dict
    assert config["data"]["seed"] == 0
    assert {"run_dir", "sweep_dir", "trust", "hydra"} & set(config) == set()


def test_plan_composes_what_fit_composes() -> None:
    assert compose("plan", ["strategy=full"]).config == compose("fit", ["strategy=full"]).config


def test_a_name_depends_on_the_config_alone() -> None:
    name = compose("fit", ["seed=1"]).name
    assert name.startswith("tiny-digits-gradual_unfreezing-seed1-")
    assert compose("fit", ["seed=1", "run_dir=elsewhere", "trust=[mine]"]).name == name
    assert compose("fit", ["seed=1", "data.batch_size=33"]).name != name


def test_where_and_whom_to_trust_are_taken_out_of_the_config() -> None:
    composed = compose("fit", ["run_dir=here", "trust=[mine,yours]"])
    assert (composed.run_dir, composed.sweep_dir, composed.trust) == ("here", None, ("mine", "yours"))
    assert compose("fit", ["trust=mine"]).trust == ("mine",)


def test_a_general_choice_is_called_after_what_it_was_pointed_at() -> None:
    assert compose("fit", ["model=torchvision", "model.name=resnet50"]).config["names"]["model"] == "resnet50"


def test_where_the_cache_lies_does_not_depend_on_the_folder_a_run_is_resumed_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert compose("fit", ["cache.folder=kept"]).config["cache"]["folder"] == str(tmp_path / "kept")
    assert compose("fit", ["cache=none"]).config["cache"]["folder"] is None


def test_an_open_key_is_named_with_an_example() -> None:
    with pytest.raises(ConfigError, match=r"data.root is not given.*Try: data.root="):
        compose("fit", ["data=folder"])


def test_further_folders_add_choices(tmp_path: Path) -> None:
    (tmp_path / "optimizer").mkdir()
    (tmp_path / "optimizer" / "mine.yaml").write_text("# mine\n_target_: torch.optim.SGD\nmomentum: 0.5\n")
    assert compose("fit", ["optimizer=mine"], [str(tmp_path)]).config["optimizer"]["momentum"] == 0.5


def test_composing_leaves_a_hydra_of_ones_own_alone() -> None:
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        compose("fit")
        assert GlobalHydra.instance().is_initialized()
    assert not GlobalHydra.instance().is_initialized()


def test_known_keys_go_as_far_as_the_overrides_compose() -> None:
    found = known_keys("fit", ["data=folder", "model.wieghts=x"])
    assert {"data.root", "model.weights", "model.head.dropout", "seed"} <= set(found)
    assert "hydra" not in {key.partition(".")[0] for key in found}


def test_a_stem_is_one_safe_file_name() -> None:
    assert plain_stem(["a/b", "..", "c d", "é"]) == "a_b-c_d"
    assert len(plain_stem(["x" * 500])) == 100


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert len(digest({})) == 8


@pytest.mark.parametrize("override", ["+x=1", "+names.model=other", "+callbacks={a: 1}"])
def test_a_top_level_key_that_nothing_reads_is_refused(override: str) -> None:
    with pytest.raises(
        ConfigError, match=r"nothing reads the key '(x|names|callbacks)'. Known: cache, data, .*trust"
    ):
        compose("fit", [override])
    with pytest.raises(ConfigError, match="Try: seed"):
        compose("plan", ["+seeds=1"])


def test_of_a_sweep_the_first_combination_that_fails_is_named() -> None:
    error = ConfigCompositionException("Could not override 'strategy.unfrozen'.")
    said = str(explained(error, "fit", ["seed=0,1", "strategy=partial,full", "strategy.unfrozen=1"]))
    assert said.startswith(
        "the job seed=0 strategy=full cannot be composed: no key 'strategy.unfrozen'; strategy has "
    )
    assert "head_epochs" not in said
    alone = str(explained(error, "fit", ["strategy=full", "strategy.unfrozen=1"]))
    assert alone.startswith("no key 'strategy.unfrozen'; strategy has ")


def test_only_a_plan_is_measured() -> None:
    assert compose("plan", ["measure=true"]).measure
    assert not compose("plan").measure
    with pytest.raises(ConfigError, match="nothing reads the key 'measure'"):
        compose("fit", ["+measure=true"])
    with pytest.raises(ConfigError, match="measure='yes'"):
        compose("plan", ["measure='yes'"])


@pytest.mark.parametrize(
    ("verb", "content", "key", "expected"),
    [
        ("gain", "gain:\n  seeds: 3\n", "gain", 3),
        ("sequence", "scenario: domain\n", "scenario", "domain"),
        ("fewshot", "fewshot:\n  seeds: 3\n", "fewshot", 3),
    ],
)
def test_an_experiment_comes_after_what_a_verb_says_by_itself(
    tmp_path: Path, verb: str, content: str, key: str, expected: object
) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(f"# @package _global_\n# mine\n{content}")
    found = compose(verb, ["experiment=mine"], [str(tmp_path)]).config[key]
    assert (found["seeds"] if isinstance(found, dict) else found) == expected
