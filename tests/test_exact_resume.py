"""A run killed at any moment and resumed ends in the bits of the run that was never killed."""

from pathlib import Path
from typing import Any

import pytest

from tests.faults.jobs import BY_EPOCHS
from tests.faults.outcome import differences, epochs, outcome
from tests.faults.processes import run_process
from tlx.tasks.multiclass import Multiclass
from tlx.tasks.multilabel import Multilabel
from tlx.tasks.regression import Regression

KILLED = -9
MOMENTS = [
    pytest.param(("on_train_batch_start", 0), marks=pytest.mark.slow),  # before the first checkpoint
    pytest.param(
        ("on_train_batch_end", 4), marks=pytest.mark.slow
    ),  # in the first phase, between checkpoints
    ("on_train_epoch_end", 1),  # before a plateau decision
    ("on_train_epoch_end_last", 1),  # after it, before its checkpoint
    ("on_validation_batch_start", 3),
    ("on_train_batch_start", 22),  # in a later phase
    pytest.param(("on_train_batch_end", 27), marks=pytest.mark.slow),
    ("before_sidecar", 5),  # inside a save
    pytest.param(("between", 8), marks=pytest.mark.slow),
    pytest.param(("after_replace", 6), marks=pytest.mark.slow),
    ("before tlx.training.load_weights", 0),  # older weights come back
    ("after tlx.training.load_weights", 0),
    pytest.param(("on_train_end", 0), marks=pytest.mark.slow),  # a phase is over and saved
    ("on_train_end", 2),  # training is over, nothing is concluded
]


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    assert run_process(folder, page=True) == [0]
    return folder


def killed_and_resumed(folder: Path, moment: tuple[str, int], **job: Any) -> dict[str, Any]:
    assert run_process(folder, kill=moment, **job) == [KILLED]
    assert run_process(folder, **job) == [0]
    return outcome(folder)


def test_the_reference_goes_through_an_unfreezing_and_a_plateau_that_brings_older_weights_back(
    never_killed: Path,
) -> None:
    ledger = outcome(never_killed)["ledger"]
    assert len(ledger["ends"]) == 3
    assert any(end["plateau"] and end["best_epoch"] < end["epoch"] for end in ledger["ends"][:-1])
    assert len({row["phase"] for row in epochs(never_killed)}) == 3


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda m: f"{m[0]}-{m[1]}")
def test_a_killed_run_ends_in_the_same_bits(
    never_killed: Path, tmp_path: Path, moment: tuple[str, int]
) -> None:
    assert differences(killed_and_resumed(tmp_path, moment), outcome(never_killed)) == []


def test_workers_that_change_from_run_to_run_change_no_bit(never_killed: Path, tmp_path: Path) -> None:
    assert run_process(tmp_path, kill=("on_train_batch_end", 4)) == [KILLED]
    assert run_process(tmp_path, kill=("on_train_batch_end", 16), workers=2) == [KILLED]
    assert run_process(tmp_path, workers=1) == [0]
    assert differences(outcome(tmp_path), outcome(never_killed)) == []


CONCLUDING = (
    "before tlx.training.conclude",
    "before tlx.conclusion.write_phases",
    "before tlx.conclusion.write_bundle",
    "after tlx.checkpoint.bundle.save_file",
    "after tlx.conclusion.write_bundle",
    "before tlx.conclusion.write_summary",
    "before tlx.conclusion.write_page",
    "after tlx.conclusion.write_page",
)


def test_kills_all_through_the_conclusion_leave_a_whole_run(never_killed: Path, tmp_path: Path) -> None:
    for moment in CONCLUDING:
        assert run_process(tmp_path, kill=(moment, 0), page=True) == [KILLED], moment
    assert run_process(tmp_path, page=True) == [0]
    assert differences(outcome(tmp_path), outcome(never_killed)) == []
    assert (tmp_path / "report.html").stat().st_size == (never_killed / "report.html").stat().st_size
    assert not list(tmp_path.rglob("*.tmp"))


RESUMING = (
    ("on_train_batch_end", 22),
    ("before tlx.training.save_plan", 0),
    ("after tlx.training.save_plan", 0),
    ("before tlx.training.read", 0),
    ("setup", 0),
    ("on_train_start", 0),
    ("after tlx.report.recorder.Recorder._cut_back", 0),
)


def test_kills_all_through_a_resume_lose_nothing(never_killed: Path, tmp_path: Path) -> None:
    for moment in RESUMING:
        assert run_process(tmp_path, kill=moment) == [KILLED], moment
    assert run_process(tmp_path) == [0]
    assert differences(outcome(tmp_path), outcome(never_killed)) == []


STARTING = (
    "before tlx.training.hold_data",
    "after tlx.data_record.write_durably",
    "before tlx.training.save_plan",
    "after tlx.training.save_plan",
)


def test_kills_before_the_first_checkpoint_begin_anew(never_killed: Path, tmp_path: Path) -> None:
    for moment in (*((call, 0) for call in STARTING), ("on_train_batch_end", 0), ("before_sidecar", 0)):
        assert run_process(tmp_path, kill=moment) == [KILLED], moment
    assert not list((tmp_path / "checkpoints").glob("*.ckpt"))
    assert run_process(tmp_path) == [0]
    assert differences(outcome(tmp_path), outcome(never_killed)) == []


def test_accumulation_and_clipping_resume_exactly(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "strategy": BY_EPOCHS,
        "accumulate_grad_batches": 3,
        "gradient_clip_val": 0.5,
        "checkpoint_steps": 1,
    }
    assert run_process(tmp_path / "whole", **settings) == [0]
    ended = killed_and_resumed(tmp_path / "killed", ("on_train_batch_end", 19), **settings)
    assert differences(ended, outcome(tmp_path / "whole")) == []


EVERYTHING_ON = {"mixup": 0.4, "ema": 0.9, "task": Multiclass(class_weights="balanced")}


@pytest.mark.parametrize(
    "settings",
    [
        EVERYTHING_ON | {"workers": 2},
        EVERYTHING_ON | {"precision": "bf16-mixed", "task": Multilabel(positive_weights="balanced")},
        pytest.param(
            {"task": Regression(loss="huber"), "mixup": 0.4, "accumulate_grad_batches": 2},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["averaged and mixed", "half precision", "numbers"],
)
def test_what_a_step_adds_resumes_exactly_in_a_phase_and_after_a_plateau(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    assert run_process(tmp_path / "whole", **settings) == [0]
    folder, whole = tmp_path / "killed", outcome(tmp_path / "whole")
    for moment in (("on_train_batch_end", 5), ("on_train_end", 0), ("on_train_batch_end", 6)):
        assert run_process(folder, kill=moment, **settings) == [KILLED]
    assert run_process(folder, **settings) == [0]
    assert differences(outcome(folder), whole) == []


def forget_the_average() -> None:
    from tlx.modules.averaging import WeightAveraging

    del WeightAveraging.load_state_dict


def test_a_resume_that_forgets_the_average_ends_elsewhere(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"ema": 0.9, "prepare": forget_the_average}
    assert run_process(tmp_path / "whole", **settings) == [0]
    ended = killed_and_resumed(tmp_path / "killed", ("on_train_batch_end", 5), **settings)
    assert "metrics" in differences(ended, outcome(tmp_path / "whole"))


def test_several_kills_in_a_row_end_in_the_same_bits(never_killed: Path, tmp_path: Path) -> None:
    for moment in (("on_train_batch_end", 3), ("between", 2), ("on_train_batch_end", 9)):
        assert run_process(tmp_path, kill=moment) == [KILLED]
    assert run_process(tmp_path) == [0]
    assert differences(outcome(tmp_path), outcome(never_killed)) == []


def test_another_seed_ends_elsewhere(never_killed: Path, tmp_path: Path) -> None:
    assert run_process(tmp_path, seed=1) == [0]
    assert {"weights", "metrics", "evaluation"} <= set(differences(outcome(tmp_path), outcome(never_killed)))


def without_step_randomness() -> None:
    from tlx.checkpoint.randomness import StepRandomness

    del StepRandomness.on_train_batch_start


def test_without_the_randomness_of_the_step_a_resume_ends_elsewhere(tmp_path: Path) -> None:
    assert run_process(tmp_path / "whole", prepare=without_step_randomness) == [0]
    ended = killed_and_resumed(
        tmp_path / "killed", ("on_train_batch_end", 22), prepare=without_step_randomness
    )
    assert "weights" in differences(ended, outcome(tmp_path / "whole"))
