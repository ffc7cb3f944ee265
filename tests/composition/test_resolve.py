from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tlx.composition.resolve import (
    absolute,
    absolute_folder,
    differences,
    from_yaml,
    keys,
    open_keys,
    resolved,
    saved,
    saved_run,
    to_yaml,
)
from tlx.errors import ConfigError


def test_what_is_saved_is_resolved_but_for_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HIDDEN", "hunter2")
    monkeypatch.delenv("ABSENT", raising=False)
    config = OmegaConf.create(
        {
            "seed": 3,
            "data": {"seed": "${seed}", "key": "${oc.env:HIDDEN}", "else": "${oc.env:ABSENT,plain}"},
            "copy": "${data.key}",
        }
    )
    plain = saved(config)
    assert plain["data"]["seed"] == 3
    assert plain["copy"] == plain["data"]["key"] == "${oc.env:HIDDEN}"
    assert "hunter2" not in to_yaml(plain)
    assert resolved(plain)["copy"] == "hunter2"
    assert resolved(plain)["data"]["else"] == "plain"
    (tmp_path / "config.yaml").write_text(to_yaml(plain))
    assert from_yaml(tmp_path / "config.yaml") == plain
    assert OmegaConf.to_container(config, resolve=True)["copy"] == "hunter2"  # type: ignore[call-overload, index]


def test_a_variable_that_is_not_set_is_an_error_that_names_it() -> None:
    with pytest.raises(ConfigError, match="data.key cannot be resolved.*NOT_SET_ANYWHERE"):
        resolved({"data": {"key": "${oc.env:NOT_SET_ANYWHERE}"}})


def test_paths_no_longer_depend_on_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.pth").write_bytes(b"")
    (tmp_path / "train").mkdir()
    (tmp_path / "hub" / "encoder").mkdir(parents=True)
    assert absolute({"root": "photos", "train": "train"}) == {
        "root": str(tmp_path / "photos"),
        "train": "train",
    }
    assert absolute({"root": None, "train": "train"})["train"] == str(tmp_path / "train")
    assert absolute({"weights": "net.pth"})["weights"] == str(tmp_path / "net.pth")
    assert absolute({"weights": "DEFAULT"})["weights"] == "DEFAULT"
    assert absolute({"name": "train"})["name"] == "train"
    assert absolute({"name": "hub/encoder"})["name"] == str(tmp_path / "hub" / "encoder")
    assert absolute({"name": "google/vit", "n": 3, "root": "${oc.env:ROOT}"}) == {
        "name": "google/vit",
        "n": 3,
        "root": "${oc.env:ROOT}",
    }


def test_paths_of_nodes_inside_of_nodes_and_lists_no_longer_depend_on_the_folder_either(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set.npz").write_bytes(b"")
    node = {"of": {"of": {"root": "photos"}}, "classes": ["root", "photos"]}
    assert absolute(node) == {"of": {"of": {"root": str(tmp_path / "photos")}}, "classes": ["root", "photos"]}
    several = {"of": [{"root": "a"}, {"file": "set.npz", "classes": None}]}
    assert absolute(several) == {
        "of": [{"root": str(tmp_path / "a")}, {"file": str(tmp_path / "set.npz"), "classes": None}]
    }


def test_the_folder_of_a_cache_is_absolute_before_it_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_folder({"folder": "kept", "ram": 1.0}) == {"folder": str(tmp_path / "kept"), "ram": 1.0}
    assert absolute_folder({"folder": "~/kept"}) == {"folder": str(Path.home() / "kept")}
    for node in ({"folder": None}, {"folder": ""}, {"folder": "${oc.env:KEPT}"}, {}, None):
        assert absolute_folder(node) == node


def test_keys_are_dotted_and_open_ones_are_found() -> None:
    plain = {"a": {"b": 1, "c": {"d": "???"}}, "e": "???"}
    assert list(keys(plain)) == ["a", "a.b", "a.c", "a.c.d", "e"]
    assert list(open_keys(plain)) == ["a.c.d", "e"]
    several = {"of": [{"root": "x"}, {"root": "???"}], "names": ["???"]}
    assert list(keys(several)) == ["of", "of.0.root", "of.1.root", "names"]
    assert list(open_keys(several)) == ["of.1.root"]


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2\n", "a: ${nowhere}"])
def test_a_damaged_config_is_an_error_that_names_the_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match="config.yaml"):
        from_yaml(tmp_path / "config.yaml")


def test_differences_are_dotted_keys_with_both_values() -> None:
    one = {"seed": 1, "model": {"weights": None, "betas": (0.9, 0.99)}, "only": 2}
    other = {"seed": 2, "model": {"weights": "x", "betas": [0.9, 0.99]}, "new": 3}
    assert list(differences(one, other)) == [
        ("seed", 1, 2),
        ("model.weights", None, "x"),
        ("only", 2, None),
        ("new", None, 3),
    ]
    assert list(differences(one, one)) == []


def test_nodes_of_a_list_are_held_against_each_other_where_there_are_as_many() -> None:
    one, other, longer = (
        {"of": [{"root": root, "flip": True} for root in roots]} for roots in ("ab", "ac", "abc")
    )
    assert list(differences(one, other)) == [("of.1.root", "b", "c")]
    assert list(differences(one, longer)) == [("of", one["of"], longer["of"])]
    assert list(differences({"of": []}, {"of": [{}]})) == [("of", [], [{}])]


def test_a_config_of_a_run_has_every_node_that_a_run_needs(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("model: {}\ndata: 1\nseed: 0\n")
    with pytest.raises(ConfigError, match="lacks data, strategy, optimizer, trainer, names, monitor"):
        saved_run(path)


def test_a_config_with_aliases_is_refused_before_it_unfolds(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    lines = ["a0: &a0 [x, x]", *(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]" for n in range(12))]
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="it holds an alias"):
        from_yaml(path)
