import json
import os
import shlex
import shutil
import signal
from pathlib import Path

import pytest
from PIL import Image

from tests.command import Server, until
from tlx.composition.compose import compose
from tlx.verbs.protocol import answer

RANGE = ("lr", "lr.stages=[]", "lr.steps=6", "data.per_class=2", "trainer=cpu", "cache=none")
SWEEP = (
    "lr", "lr.find=false", "lr.factors=[1]", "strategy=partial", "strategy.epochs=2", "data.per_class=4",
    "trainer=cpu", "cache=none", "trainer.limit_val_batches=1",
)  # fmt: skip

SHOTS = (
    "fewshot", "fewshot.arms=[strategy,probe]", "fewshot.shots=[1,2]", "fewshot.seeds=1", "strategy=partial",
    "strategy.epochs=2", "trainer=cpu", "cache=none",
)  # fmt: skip


def test_an_answer_has_a_place_of_its_own_a_page_and_is_not_overwritten(
    command: Server, tmp_path: Path
) -> None:
    first = command.run(tmp_path, *RANGE)
    assert first.code == 0, first.err
    (folder,) = (tmp_path / "answers").iterdir()
    assert folder.name.startswith("lr-tiny-digits-")
    assert {"lr.yaml", "result.json", "summary.json", "report.html", "state.json"} <= {
        path.name for path in folder.iterdir()
    }
    assert "rate_scale=" in first.out and f"page     answers/{folder.name}/report.html" in first.out
    found = json.loads((folder / "result.json").read_text())
    words = shlex.split(found["command"])
    assert words[:2] == ["tlx", "lr"] and sorted(words[2:]) == sorted(RANGE[1:])
    assert "<dt>Asked by</dt>" in (folder / "report.html").read_text()
    again = command.run(tmp_path, *words[1:])
    assert again.code == 2
    assert "is finished and is not overwritten" in again.err and "tlx report answers/" in again.err
    (folder / "report.html").unlink()
    shown = command.run(tmp_path, "report", f"answers/{folder.name}")
    assert shown.code == 0 and (folder / "report.html").is_file()
    resumed = command.run(tmp_path, "resume", f"answers/{folder.name}")
    assert resumed.code == 0 and "is already complete" in resumed.out
    changed = command.run(tmp_path, "resume", f"answers/{folder.name}", "seed=1")
    assert changed.code == 2 and "is an answer, and goes on with what it was asked with" in changed.err


@pytest.mark.parametrize(
    ("words", "first_run"), [(SWEEP, "plan/rate1-seed0"), (SHOTS, "partial/shots1-rate1-seed0")]
)
def test_a_killed_answer_goes_on_with_the_runs_that_it_has(
    words: tuple[str, ...], first_run: str, command: Server, tmp_path: Path
) -> None:
    whole = command.run(tmp_path, *words, "run_dir=whole")
    assert whole.code == 0, whole.err
    started = command.start(tmp_path, *words, "run_dir=cut")
    runs = tmp_path / "cut" / "runs"
    first = runs / first_run / "summary.json"
    until(lambda: len(list(runs.glob("*/*/config.yaml"))) > 1)  # the page of the first is written as well
    assert first.is_file()
    assert not (tmp_path / "cut" / "result.json").exists()
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    before = first.stat().st_mtime_ns
    resumed = command.run(tmp_path, "resume", "cut")
    assert resumed.code == 0, resumed.err
    assert first.stat().st_mtime_ns == before
    found = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("whole", "cut")]
    assert found[0] == found[1]


def test_copies_in_two_splits_are_said_once_for_all_runs_and_stand_in_the_log_of_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for split, count in (("train", 4), ("val", 2)):
        for name in ("cat", "dog"):
            folder = tmp_path / "photos" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                shade = 20 * number + 90 * (name == "dog") + (split == "val")
                Image.new("L", (32, 32), shade).save(folder / f"{number}.png")
    shutil.copy(tmp_path / "photos/train/cat/0.png", tmp_path / "photos/val/cat/copy.png")
    words = ["data=folder", f"data.root={tmp_path / 'photos'}", "data.duplicates=warn", "cache=none"]
    words += ["fewshot.arms=['strategy=scratch strategy.epochs=1']", "fewshot.shots=[1]", "fewshot.seeds=2"]
    answer(tmp_path / "one", "fewshot", compose("fewshot", [*words, "trainer=cpu", "page=false"]))
    assert sum("1 sample is in two splits" in message for message in caplog.messages) == 1
    logs = [path.read_text() for path in (tmp_path / "one" / "runs").rglob("log.txt")]
    assert [text.count("1 sample is in two splits") for text in logs] == [1, 1]


def test_an_answer_of_another_config_is_not_gone_on_with(command: Server, tmp_path: Path) -> None:
    assert command.run(tmp_path, *RANGE, "run_dir=one").code == 0
    (tmp_path / "one" / "result.json").unlink()
    (tmp_path / "one" / "state.json").unlink()
    refused = command.run(tmp_path, *RANGE, "run_dir=one", "seed=2")
    assert refused.code == 2 and "tlx resume one" in refused.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lr.step=3"], "lr.steps"),
        (["lr.steps=many"], "lr.steps='many'"),
        (["lr.phase=9"], "lr.phase=9"),
        (["sweep_dir=there"], "add -m"),
        (["also=3"], "tlx lr takes no also"),
    ],
)
def test_what_cannot_be_asked_is_one_line_with_a_way_out(
    command: Server, tmp_path: Path, words: list[str], said: str
) -> None:
    result = command.run(tmp_path, *RANGE, *words)
    assert result.code == 2, result.out
    assert said in result.err and len(result.err.strip().splitlines()) == 1
    assert not (tmp_path / "answers").exists()


def test_questions_can_be_swept(command: Server, tmp_path: Path) -> None:
    result = command.run(tmp_path, "lr", "-m", *RANGE[1:], "seed=0,1", "sweep_dir=both")
    assert result.code == 0, result.err
    table = (tmp_path / "both" / "sweep.csv").read_text()
    assert ",rate_factor/mean" in table and "rate_factor" in result.out
    assert not [split for split in ("val/", "test/", "train/") if split in result.out + table]
    assert len(list((tmp_path / "both" / "jobs").iterdir())) == 2


def test_what_asks_for_a_single_run_names_those_that_an_answer_took(command: Server, tmp_path: Path) -> None:
    (tmp_path / "one" / "runs" / "plan" / "rate1-seed0").mkdir(parents=True)
    (tmp_path / "one" / "lr.yaml").touch()
    for words in (["test", "one"], ["predict", "one", "split=test"], ["fit", "init_from=one"]):
        result = command.run(tmp_path, *words)
        assert result.code == 4, words
        assert "one is an answer of tlx lr, and what it trained are runs of their own" in result.err
        assert "Try: a run in it: one/runs/plan/rate1-seed0" in result.err
