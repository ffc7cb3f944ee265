import json
from pathlib import Path
from typing import Any

import pytest

from tlx.composition.compose import compose
from tlx.composition.resolve import from_yaml, to_yaml
from tlx.errors import CheckpointError, ConfigError
from tlx.run.directory import write_text
from tlx.verbs import change as module
from tlx.verbs.change import change, settle_change

SMALL = ("data.per_class=3", "strategy=full")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    write_text(folder / "config.yaml", to_yaml(compose("fit", SMALL).config))
    (folder / "log.txt").write_text("epoch 1/10\n")
    return folder


def changed(run: Path, *words: str, allow_change: bool = False) -> None:
    change(run, from_yaml(run / "config.yaml"), compose("fit", [*SMALL, *words]).config, (), allow_change)


def test_a_longer_strategy_is_written_into_config_plan_and_log(run: Path) -> None:
    changed(run, "strategy.epochs=30")
    assert from_yaml(run / "config.yaml")["strategy"]["epochs"] == 30
    assert json.loads((run / "plan.json").read_text())["phases"][0]["epochs"] == 30
    assert (run / "log.txt").read_text().splitlines()[1:] == [
        "changed: strategy.epochs 20 -> 30",
        "changed: phase 1 (all): 20 -> 30 epochs, rates of the new length from here on",
    ]


def test_a_strategy_that_is_not_only_longer_is_refused_unless_the_change_is_allowed(run: Path) -> None:
    before = (run / "config.yaml").read_bytes()
    with pytest.raises(ConfigError, match=r"not only be longer: strategy.epochs=20 there and 2 here"):
        changed(run, "strategy.epochs=2")
    assert (run / "config.yaml").read_bytes() == before
    assert not (run / "plan.json").exists()
    changed(run, "strategy.epochs=2", allow_change=True)
    assert json.loads((run / "plan.json").read_text())["phases"][0]["epochs"] == 2


@pytest.mark.parametrize("cut", range(1, 5))
def test_a_change_that_is_cut_off_anywhere_is_whole_in_the_end(
    run: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    """Journal, config and plan are written, then the log: each may be the last thing that happens."""
    calls = iter(range(cut))

    def stopping(original: Any) -> Any:
        def call(*arguments: Any) -> Any:
            if next(calls, None) is None:
                raise KeyboardInterrupt
            return original(*arguments)

        return call

    for name in ("write_text", "write_config", "record_change"):
        monkeypatch.setattr(module, name, stopping(getattr(module, name)))
    monkeypatch.setattr(Path, "unlink", stopping(Path.unlink))
    with pytest.raises(KeyboardInterrupt):
        changed(run, "strategy.epochs=30")
    monkeypatch.undo()
    settle_change(run)
    settle_change(run)
    assert from_yaml(run / "config.yaml")["strategy"]["epochs"] == 30
    assert json.loads((run / "plan.json").read_text())["phases"][0]["epochs"] == 30
    assert (run / "log.txt").read_text().count("changed: strategy.epochs") == 1
    assert not (run / module.JOURNAL).exists()


def test_more_devices_are_told_what_they_keep(run: Path) -> None:
    changed(run, "trainer.devices=2")
    assert "the order of the samples stays" in (run / "log.txt").read_text()


@pytest.mark.parametrize(
    "text", ["{}", "{", '{"config": 5, "lines": [], "plan": null}', "[" * 100_000, "\xff"]
)
def test_a_journal_that_tlx_did_not_write_is_refused_with_a_way_out(run: Path, text: str) -> None:
    before = (run / "config.yaml").read_bytes()
    (run / module.JOURNAL).write_text(text, encoding="latin-1")
    with pytest.raises(CheckpointError, match=r"\.change\.json.*Try: delete it"):
        settle_change(run)
    assert (run / "config.yaml").read_bytes() == before


def test_a_log_that_is_no_text_is_gone_on_with(run: Path) -> None:
    (run / "log.txt").write_bytes(b"\xff\xfe\n")
    changed(run, "strategy.epochs=30")
    assert b"changed: strategy.epochs 20 -> 30\n" in (run / "log.txt").read_bytes()


@pytest.mark.parametrize("allow_change", [False, True])
def test_a_task_of_a_sequence_stays_as_it_was_measured(tmp_path: Path, run: Path, allow_change: bool) -> None:
    task = tmp_path / "sequence" / "tasks" / "02"
    task.parent.mkdir(parents=True)
    run.rename(task)
    changed(task, "strategy.epochs=30")  # such folders alone are no sequence
    (tmp_path / "sequence" / "sequence.yaml").touch()
    before = {path: path.read_bytes() for path in task.iterdir()}
    with pytest.raises(
        ConfigError, match=r"is a task of the sequence .*strategy.epochs=40.*init_from="
    ) as said:
        changed(task, "strategy.epochs=40", allow_change=allow_change)
    assert "sequence/tasks/02" in said.value.fix
    with pytest.raises(ConfigError, match=r"task of the sequence .*data.batch_size=16"):
        changed(task, "strategy.epochs=30", "data.batch_size=16", allow_change=True)
    assert {path: path.read_bytes() for path in task.iterdir()} == before
    changed(task, "strategy.epochs=30", "data.num_workers=1")  # which changes no bit of it


def test_epochs_beyond_the_limit_of_the_trainer_name_the_limit(run: Path) -> None:
    limited = ("trainer.limit_epochs=2",)
    write_text(run / "config.yaml", to_yaml(compose("fit", [*SMALL, *limited]).config))
    changed(run, *limited, "strategy.epochs=30")  # of a run that is not finished
    said = "its phases stay as they were: trainer.limit_epochs=2 ends them before"
    assert (run / "log.txt").read_text().splitlines()[-1] == said
    write_text(run / "state.json", json.dumps({"status": "finished"}))
    with pytest.raises(
        ConfigError, match=r"strategy.epochs=40 .* nothing of it, for trainer.limit_epochs=2"
    ) as why:
        changed(run, *limited, "strategy.epochs=40")
    assert why.value.fix is not None and why.value.fix.startswith("trainer.limit_epochs=null beside it, or")
    with pytest.raises(ConfigError, match=r"data.batch_size=8 .* nothing of it\.") as why:
        changed(run, *limited, "strategy.epochs=30", "data.batch_size=8", allow_change=True)
    assert why.value.fix is not None and "limit" not in why.value.fix
