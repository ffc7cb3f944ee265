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
