import json
from pathlib import Path

import pytest

from tlx import worker


def test_a_rank_notes_why_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "die_with_parent", lambda: None)
    monkeypatch.setenv("RANK", "1")
    (tmp_path / "config.yaml").write_text("a: [1")
    assert worker.main([str(tmp_path)]) == 1
    note = json.loads((tmp_path / "rank-1.json").read_text())
    assert (note["rank"], note["code"]) == (1, 2)
    assert "config.yaml" in note["what"]
