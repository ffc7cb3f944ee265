from pathlib import Path

import pytest

from tests.command import FEW, SMOKE
from tlx.composition.compose import compose
from tlx.verbs.makers import makers


def test_a_run_is_begun_in_silence_or_aloud_and_a_finished_one_is_left_as_it_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = compose("fit", [*SMOKE, *FEW]).config
    run = tmp_path / "one"
    makers((), quiet=True).train(run, config)
    assert "run " not in capfd.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    makers((), quiet=False).train(run, config)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()} == before
    (run / "summary.json").unlink()  # which the run lacks then, so that it is gone on with
    makers((), quiet=False).train(run, config)
    assert (run / "summary.json").is_file() and "run " in capfd.readouterr().out


def test_words_become_the_config_of_a_fit_and_its_data(tmp_path: Path) -> None:
    built = makers((), quiet=True)
    config = built.composed(["model=tiny", "data.per_class=3"])
    assert config["names"]["model"] == "tiny"
    assert built.data(config["data"]).splits.train.labels.tolist().count(0) == 3
    assert list(built.job(config).backbone.stages)[-1] == "layer3"
