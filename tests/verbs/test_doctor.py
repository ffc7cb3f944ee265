from pathlib import Path

import pytest

from tests.command import Server
from tlx.errors import ConfigError, DistributedError
from tlx.inspection.finding import Finding
from tlx.verbs.doctor import _end_if_bad, doctor


def test_without_words_the_machine_is_looked_at_and_nothing_is_written(
    command: Server, tmp_path: Path
) -> None:
    result = command.run(tmp_path, "doctor")
    assert (result.code, result.err) == (0, "")
    titles = [line for line in result.out.splitlines() if not line.startswith(" ")]
    assert titles == ["versions", "machine", "devices"]
    assert list(tmp_path.iterdir()) == []


def test_with_words_the_job_is_looked_at_and_nothing_is_written(command: Server, tmp_path: Path) -> None:
    result = command.run(tmp_path, "doctor", "data.per_class=5", "strategy=partial", "data.batch_size=4")
    assert result.code == 0, result.err
    assert "train: 50 samples; 0 5, 1 5" in result.out
    assert "Plan: 1 phase" in result.out
    assert "  warn  phase 1: in evaluation mode stem, layer1, layer2; 11 of 14 norms frozen" in result.out
    assert "4 samples forward and backward" in result.out
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_cannot_run_ends_as_fit_would(command: Server, tmp_path: Path) -> None:
    result = command.run(tmp_path, "doctor", "data=folder", "data.root=nowhere")
    assert (result.code, result.err.count("\n")) == (3, 1)
    assert "devices" in result.out


def test_what_is_bad_decides_the_exit_code() -> None:
    driver, disk = Finding("bad", "no driver", "one", device=True), Finding("bad", "no disk", "two")
    _end_if_bad([Finding("warn", "slow")])
    with pytest.raises(DistributedError, match="no driver. Try: one"):
        _end_if_bad([driver])
    with pytest.raises(ConfigError, match="no driver, and 1 more"):
        _end_if_bad([driver, disk])


def test_harmful_packages_end_it_before_anything_is_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "tlx.verbs.doctor.versions", lambda: [Finding("bad", "lightning is malware", "leave")]
    )
    with pytest.raises(ConfigError, match="lightning is malware. Try: leave"):
        doctor([])
    assert "machine" not in capsys.readouterr().out


def test_a_sweep_is_not_for_a_doctor() -> None:
    with pytest.raises(ConfigError, match="one job at a time"):
        doctor(["-m", "seed=0,1"])
