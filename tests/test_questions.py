import re
from pathlib import Path

import pytest

import tlx
from tlx.errors import ConfigError
from tlx.protocols.lr import LrResult
from tlx.verbs.protocol import QUESTIONS

SMALL = {
    "lr__stages": [],
    "lr__steps": 5,
    "data__per_class": 2,
    "trainer": "cpu",
    "cache": "none",
}


def test_an_answer_is_typed_and_read_the_second_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / "answer")
    found = tlx.lr("tiny", "digits", run_dir=place, **SMALL)
    assert isinstance(found, LrResult) and found.found is not None
    assert "rising rates" in capsys.readouterr().out
    assert tlx.lr("tiny", "digits", run_dir=place, **SMALL) == found
    assert "rising rates" not in capsys.readouterr().out


def test_an_answer_to_other_words_is_refused_and_not_read(tmp_path: Path) -> None:
    place = str(tmp_path / "answer")
    tlx.lr("tiny", "digits", run_dir=place, **SMALL)
    with pytest.raises(ConfigError, match=r"holds another answer: .*seed=0 there and 3 here"):
        tlx.lr("tiny", "digits", run_dir=place, seed=3, **SMALL)
    with pytest.raises(ConfigError, match=r"data\.per_class=2 there and 3 here"):
        tlx.lr("tiny", "digits", run_dir=place, **{**SMALL, "data__per_class": 3})
    with pytest.raises(ConfigError, match="is of tlx lr, not of probe"):
        tlx.probe("tiny", "digits", run_dir=place, trainer="cpu")
    tlx.lr("tiny", "digits", run_dir=place, data__num_workers=1, **SMALL)  # what is loaded is the same


def test_a_key_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"lr\.steps"):
        tlx.lr(lr__step=5)


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_a_path_in_place_of_data_is_answered_with_the_words_for_it(name: str, tmp_path: Path) -> None:
    said = "is a path. Expected a name or a source. Try: data='folder', data__root="
    with pytest.raises(ConfigError, match=re.escape(said)):
        getattr(tlx, name)("tiny", str(tmp_path))


@pytest.mark.parametrize("name", tlx.__all__)
def test_everything_that_tlx_offers_is_there(name: str) -> None:
    assert getattr(tlx, name)


def test_every_question_of_the_command_line_can_be_asked_from_python() -> None:
    assert set(QUESTIONS) <= set(tlx.__all__)
