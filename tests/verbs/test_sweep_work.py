from pathlib import Path

import pytest

from tlx.cli import HYDRA_VERBS
from tlx.composition.compose import compose
from tlx.errors import ConfigError
from tlx.run.directory import read_state
from tlx.verbs.sweep_work import WORK


def test_every_verb_that_can_be_swept_has_its_work() -> None:
    assert set(WORK) == set(HYDRA_VERBS) - {"plan", "doctor"}


def test_a_job_that_is_refused_before_it_begins_leaves_word_of_it(tmp_path: Path) -> None:
    """Its page would say that it has not started, and not why."""
    folder = tmp_path / "job"
    folder.mkdir()
    for seeds in (0, -1):
        composed = compose("fewshot", [f"fewshot.seeds={seeds}", "cache=none", "trainer=cpu"])
        with pytest.raises(ConfigError):
            WORK["fewshot"](folder, composed)
        state = read_state(folder)
        assert state["status"] == "failed" and f"fewshot.seeds={seeds}" in state["error"]
    assert not (folder / "fewshot.yaml").exists()
