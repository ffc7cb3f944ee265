import pytest

from tlx.composition.groups import choices, conf_folder, groups, hint, meaning, parts
from tlx.errors import ConfigError


def test_the_groups_are_the_folders_that_hold_choices() -> None:
    assert {"model", "data", "strategy", "optimizer", "trainer"} <= set(groups())
    assert (conf_folder() / "fit.yaml").is_file()


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
