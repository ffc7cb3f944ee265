import pytest
from omegaconf import OmegaConf

from tlx.composition.groups import arguments, choices, conf_folder, groups, hint, meaning, parts, taken_by
from tlx.errors import ConfigError


def test_the_groups_are_the_folders_that_hold_choices() -> None:
    assert {"model", "data", "strategy", "optimizer", "trainer"} <= set(groups())
    assert (conf_folder() / "fit.yaml").is_file()


def test_a_verb_takes_the_groups_of_its_own_config_and_of_the_one_it_is_made_on() -> None:
    assert taken_by("probe") == {"model", "data", "cache", "trainer"} == taken_by("distance")
    assert taken_by("sequence") == set(groups())
    assert taken_by("fit") == taken_by("gain") == set(groups()) - {"sequence"}


def test_a_part_of_other_choices_is_no_choice() -> None:
    assert parts("data") == {"loading"}
    assert "loading" not in choices("data")
    assert {"digits", "folder", "text_csv"} <= set(choices("data"))


def test_a_meaning_is_the_first_comment_line() -> None:
    assert meaning("trainer", "smoke").startswith("One short epoch per phase")


def test_a_hint_stands_beside_a_key_above_it_or_in_a_part() -> None:
    assert hint("data", "folder", "root")
    assert hint("data", "digits", "batch_size").startswith("over all devices")
    assert hint("trainer", "auto", "precision").startswith("32-true")
    assert hint("trainer", "auto", "no_such_key") == ""


def test_an_unknown_group_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Try: strategy"):
        choices("strategie")


@pytest.mark.parametrize("group", [group for group in groups() if group != "experiment"])
def test_every_argument_of_every_choice_is_read_from_its_file_with_a_comment(group: str) -> None:
    for choice in choices(group):
        loaded = OmegaConf.load(conf_folder() / group / f"{choice}.yaml")
        own = {key for key in dict(OmegaConf.to_container(loaded)) if key not in ("defaults", "_target_")}  # type: ignore[arg-type]
        rows = arguments(group, choice)
        assert own <= {key.partition(".")[0] for key, _, _ in rows}, choice
        assert all(comment or value == choice for _, value, comment in rows), choice
