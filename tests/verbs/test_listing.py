import pytest

from tlx.composition.groups import choices, groups
from tlx.errors import ConfigError
from tlx.verbs.listing import listing


def test_every_choice_of_every_group_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    listing([])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == sum(1 + len(choices(group)) for group in groups())
    assert "data=" in lines


@pytest.mark.parametrize("word", ["strategy", "strategies"])
def test_a_group_is_named_in_singular_or_plural(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    listing([word])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == choices("strategy")


@pytest.mark.parametrize("argv", [["a", "b"], ["name=x"], ["modelz"]])
def test_anything_else_is_refused(argv: list[str]) -> None:
    with pytest.raises(ConfigError):
        listing(argv)
