import os

import pytest

from tlx.errors import ConfigError
from tlx.run.name import refuse_name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../../etc/x", "without .."),
        ("runs/../../x", "without .."),
        ("", "without .."),
        ("  ", "without .."),
        ("x" * 300, "at most 255 bytes"),
        ("ä" * 128, "at most 255 bytes"),
        ("a/" * 2000 + "b", "at most 4000 bytes"),
        ("a\0b", "without control characters"),
        ("a\nb", "without control characters"),
        ("a\x1b[2Jb", "without control characters"),
        ("a\u202eb", "without control characters"),
        ("~nobody-here/x", "the folder of a user there is"),
    ],
)
def test_what_is_no_name_for_a_folder_is_a_setting(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"Expected .*{said}") as refusal:
        refuse_name(name)
    assert refusal.value.exit_code == 2
    assert len(refusal.value.line()) < 300
    assert refusal.value.line().isprintable()


@pytest.mark.parametrize("name", ["runs/a", "/tmp/x", "a b", "Läufe/ö", "~/x", os.fsdecode(b"caf\xe9")])
def test_other_names_are_let_through(name: str) -> None:
    refuse_name(name)
