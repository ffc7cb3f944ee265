import json
from pathlib import Path

import pytest

from tlx import worker
from tlx.process.signals import Terminated


def test_a_rank_notes_why_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "die_with_parent", lambda: None)
    monkeypatch.setenv("RANK", "1")
    (tmp_path / "config.yaml").write_text("a: [1")
    assert worker.main([str(tmp_path)]) == 1
    note = json.loads((tmp_path / "rank-1.json").read_text())
    assert (note["rank"], note["code"]) == (1, 2)
    assert "config.yaml" in note["what"]


def test_a_rank_that_is_asked_to_end_notes_what_became_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise Terminated("saved up to step 3")

    monkeypatch.setattr(worker, "die_with_parent", lambda: None)
    monkeypatch.setattr("tlx.composition.resolve.from_yaml", stopped)
    monkeypatch.delenv("RANK", raising=False)
    assert worker.main([str(tmp_path)]) == 0
    note = json.loads((tmp_path / "rank-0.json").read_text())
    assert (note["code"], note["what"]) == (143, "saved up to step 3")
