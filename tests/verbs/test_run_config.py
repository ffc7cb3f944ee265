from pathlib import Path

import pytest

from tlx.composition.compose import compose
from tlx.composition.resolve import from_yaml
from tlx.errors import ConfigError
from tlx.verbs.run_config import begun_config, settle_config, told_of_an_edit, write_config

CONFIG = compose("fit", ["seed=7"]).config


def edit(run: Path) -> None:
    path = run / "config.yaml"
    path.write_text(path.read_text().replace("seed: 7", "seed: 8"))


def test_an_edit_does_not_reach_what_the_run_was_begun_with(tmp_path: Path) -> None:
    write_config(tmp_path, CONFIG)
    assert begun_config(tmp_path) == from_yaml(tmp_path / "config.yaml")
    edit(tmp_path)
    assert (begun_config(tmp_path)["seed"], from_yaml(tmp_path / "config.yaml")["seed"]) == (7, 8)
    settle_config(tmp_path, CONFIG)
    assert from_yaml(tmp_path / "config.yaml")["seed"] == 7


def test_a_run_of_before_there_was_a_copy_has_one_once_it_is_settled(tmp_path: Path) -> None:
    write_config(tmp_path, CONFIG)
    (tmp_path / ".config.yaml").unlink()
    edit(tmp_path)
    assert begun_config(tmp_path)["seed"] == 8
    settle_config(tmp_path, from_yaml(tmp_path / "config.yaml"))
    assert (tmp_path / ".config.yaml").read_bytes() == (tmp_path / "config.yaml").read_bytes()


def test_a_comment_is_no_edit_to_be_undone(tmp_path: Path) -> None:
    write_config(tmp_path, CONFIG)
    path = tmp_path / "config.yaml"
    path.write_text(f"# mine\n{path.read_text()}")
    settle_config(tmp_path, CONFIG)
    assert path.read_text().startswith("# mine")


def test_a_refusal_says_that_the_config_was_edited_only_where_it_was(tmp_path: Path) -> None:
    write_config(tmp_path, CONFIG)
    with pytest.raises(ConfigError) as plain, told_of_an_edit(tmp_path):
        raise ConfigError("no", fix="less")
    assert str(plain.value) == "no. Try: less"
    edit(tmp_path)
    with (
        pytest.raises(ConfigError, match=r"config.yaml was edited since\. Try: less; cp"),
        told_of_an_edit(tmp_path),
    ):
        raise ConfigError("no", fix="less")
