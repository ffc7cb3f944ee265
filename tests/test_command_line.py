import shlex

from hypothesis import given
from hypothesis import strategies as st

from tlx.command_line import command_line


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"))))
def test_a_shell_reads_the_words_as_they_were(words: list[str]) -> None:
    assert shlex.split(command_line("gain", words)) == ["tlx", "gain", *words]
