from pathlib import Path

import pytest

from tlx.composition.compose import compose
from tlx.errors import ConfigError
from tlx.verbs.question import prepared

WORDS = ("data.per_class=4", "cache=none", "trainer=cpu", "probe.stages=[layer1]")


def test_nothing_is_written_before_the_work_and_figures_are_of_its_answer(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    work = prepared(folder, "probe", compose("probe", [*WORDS, "seed=3"]))
    assert not folder.exists()
    answer, result, summary = work()
    assert result["stages"][0]["accuracy"] == answer.stages[0].accuracy
    assert {key: summary[key] for key in ("model", "data", "task", "seed")} == {
        "model": "tiny", "data": "digits", "task": "probe", "seed": 3,
    }  # fmt: skip
    assert summary["test/probe_accuracy"] == answer.stages[0].accuracy
    assert summary["best/stage"] == "layer1" and "probe_accuracy" not in summary
    assert "torch" in result["versions"] and "versions" not in summary


def test_several_processes_cannot_ask_one_question(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "one")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ConfigError, match="tlx probe is one process.*without torchrun"):
        prepared(tmp_path, "probe", compose("probe", WORDS))


def test_a_setting_that_the_question_does_not_have_is_refused(tmp_path: Path) -> None:
    composed = compose("probe", WORDS)
    composed.config["probe"]["neighbors"] = 3
    with pytest.raises(ConfigError, match="neighbors"):
        prepared(tmp_path, "probe", composed)


@pytest.mark.parametrize(
    ("verb", "word", "said"),
    [
        ("gain", "gain.rates=['a']", r"gain.rates=\['a'\].*a list of numbers"),
        ("gain", "gain.rates=[inf]", r"gain.rates=\[inf\].*finite"),
        ("gain", "gain.scratch=5", "gain.scratch=5.*arguments by their names"),
        ("fewshot", "fewshot.shots=[1.5,2]", r"fewshot.shots=\[1.5, 2\].*whole numbers"),
        ("lr", "lr.factors=[]", r"lr.factors=\[\].*at least one"),
        ("advise", "advise.rates=1", r"advise.rates=1.*Try: advise.rates=\[1\]"),
    ],
)
def test_lists_are_held_against_their_annotation_before_there_is_a_folder(
    verb: str, word: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        prepared(tmp_path / "one", verb, compose(verb, [word, "cache=none", "trainer=cpu"]))
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("probe", ["probe.stages=layer1"]),
        ("lr", ["lr.stages=layer1", "strategy=full"]),
        ("rank", ["rank.models=mlp"]),
        ("fewshot", ["fewshot.arms=probe"]),
        ("distance", ["distance.stages=layer1", "data@source=digits"]),
    ],
)
def test_a_single_name_is_taken_where_names_are_listed(verb: str, words: list[str], tmp_path: Path) -> None:
    assert callable(prepared(tmp_path / "one", verb, compose(verb, [*words, "cache=none", "trainer=cpu"])))
