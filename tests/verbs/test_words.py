import pytest

from tlx.errors import ConfigError
from tlx.verbs.words import read_words, trusted


def test_paths_and_options_are_told_apart() -> None:
    paths, options = read_words(["run", "a b.png", "data.root=x=y", "./a=b", "out=p.csv"], "predict")
    assert paths == ["run", "a b.png", "./a=b"]
    assert options == {"data.root": "x=y", "out": "p.csv"}


@pytest.mark.parametrize(
    ("argv", "said"),
    [(["--fast"], "has no flag --fast"), ([], "needs a path"), (["a", "b"], "takes one path, not a and b")],
)
def test_what_a_verb_does_not_take_is_refused(argv: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_words(argv, "test", least=1, most=1)


def test_trust_is_a_list_or_a_word() -> None:
    assert trusted({"trust": "[a, b]"}) == ("a", "b")
    assert trusted({"trust": "a"}) == ("a",)
    assert trusted({}) == ()
