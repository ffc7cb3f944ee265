"""The faults of the test plan, each with the tests that start real processes and try it."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

__all__ = ["ROWS", "run_rows"]

ROOT = Path(__file__).parent.parent.parent

ROWS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("a kill at a random batch", ("test_exact_resume::test_a_killed_run",)),
    2: ("a kill inside the write of a checkpoint", ("test_killed_writes::test_forty_kills",)),
    3: ("the same, the temporary folder elsewhere", ("test_killed_writes::test_a_run_killed_inside",)),
    4: ("a kill between write and rename", ("test_exact_resume::test_a_killed_run",)),
    5: ("a kill at an epoch's end", ("test_exact_resume::on_train_epoch_end",)),
    6: ("a kill in a validation", ("test_exact_resume::on_validation_batch_start",)),
    7: ("a kill around an unfreezing", ("test_every_plan::test_what_trains", "test_every_strategy::killed")),
    8: (
        "a kill in a later task under EWC, and in its Fisher pass",
        (
            "verbs/test_sequence::test_a_killed_sequence",
            "test_every_regularizer::around_the_fisher",
            "test_every_regularizer::around_a_copied_fisher",
        ),
    ),
    9: ("the same under LwF", ("test_every_regularizer::that_holds_on_is_resumed",)),
    10: (
        "the same under replay",
        ("verbs/test_sequence::test_a_killed_sequence", "test_every_regularizer::that_holds_on_is_resumed"),
    ),
    11: (
        "a kill in a draw of few samples and a probe of them",
        ("verbs/test_protocol::test_a_killed_answer",),
    ),
    12: ("other loading processes after a resume", ("test_exact_resume::test_workers_that_change",)),
    13: (
        "another batch size or accumulation",
        ("verbs/test_resume::test_another_config", "test_changed_run::"),
    ),
    14: ("SIGTERM", ("test_stopping::test_a_signal_saves",)),
    15: ("SIGINT, once and twice", ("test_stopping::test_a_signal_saves", "test_stopping::test_a_second")),
    16: ("SIGTERM while processes load", ("test_stopping::test_loading_processes_go_on",)),
    17: ("the terminal is closed", ("test_stopping::test_a_signal_saves", "process/test_signals::nohup")),
    19: ("a finished run is resumed", ("verbs/test_resume::test_a_finished_run_is_complete",)),
    20: ("two processes train one run", ("verbs/test_resume::test_one_run_is_resumed", "run/test_lock::")),
    21: ("the clock goes back", ("test_surroundings::test_a_clock",)),
    22: (
        "a checkpoint is cut off",
        ("test_damaged_checkpoints::test_two_hundred", "test_damaged_checkpoints::cut off"),
    ),
    23: ("a bit of a checkpoint flips", ("test_damaged_checkpoints::test_two_hundred",)),
    24: ("no file where a checkpoint was", ("test_damaged_checkpoints::test_a_damaged_newest",)),
    25: ("a checkpoint of another network", ("test_damaged_checkpoints::test_a_checkpoint_of_another",)),
    26: ("what a newer tlx made", ("test_damaged_checkpoints::newer_tlx", "test_hostile_runs::newer_tlx")),
    27: ("a pickle that runs code", ("test_hostile_runs::run_code", "test_hostile_runs::runs_code")),
    28: ("what Lightning once ran from a checkpoint", ("test_hostile_runs::test_what_lightning",)),
    29: ("a config that names foreign code", ("test_targets::", "test_hostile_runs::foreign")),
    30: ("a slip in the name of a class", ("test_hostile_runs::test_a_slip",)),
    31: ("hostile safetensors", ("backbones/test_weights_header::",)),
    32: ("archives that lead out", ("data/test_archives::test_an_archive",)),
    33: (
        "an archive that unpacks without end",
        ("data/test_archives::", "test_hostile_runs::unpack_to_more"),
    ),
    35: ("names with HTML, control characters, great length", ("test_hostile_data::test_a_run_on_classes",)),
    36: ("secrets in overrides and the environment", ("test_secrets_stay_out::",)),
    37: ("names of runs that lead out", ("run/test_name::", "test_hostile_runs::test_a_run_name")),
    38: (
        "pictures that are none, or of odd kinds",
        ("data/test_image_checks::", "preprocessing/test_image::"),
    ),
    39: ("a picture of 200 megapixels", ("test_hostile_data::test_a_bomb",)),
    40: (
        "files that cannot be read",
        ("data/test_folder::cannot_be_used", "verbs/test_predict::cannot_be_read"),
    ),
    41: (
        "no data, one class, one sample",
        ("data/test_checks::cannot_be_learnt", "data/test_checks::one_class"),
    ),
    42: ("a class that is missing, foreign or in another place", ("data/test_folder::classes_of_train",)),
    43: ("labels that are none", ("data/test_labels::",)),
    44: ("the same sample in two splits", ("data/test_duplicates::", "data/test_folder::two_splits")),
    45: ("texts that are none", ("test_hostile_data::test_text", "test_hostile_data::test_a_line")),
    46: ("values that do not suit the weights", ("inspection/test_samples::another_scale",)),
    47: ("prediction as in training", ("verbs/test_predict::exactly_the_accuracy",)),
    48: ("a draw larger than a class", ("data/test_stratified::test_names_the_class_smaller",)),
    49: ("other data on a resume", ("verbs/test_resume::test_other_data", "test_data_record::")),
    50: (
        "a loading process dies, fails or hangs",
        ("data/test_loader::", "test_stopping::loading_process_that_dies"),
    ),
    51: ("no shared memory", ("data/test_loader::test_memory_that_cannot",)),
    52: ("a loss that is no number", ("test_resources::test_the_first_loss", "checkpoint/test_finite::")),
    53: ("a weight that is no number", ("test_resources::test_a_weight",)),
    54: ("memory runs out", ("test_resources::test_memory",)),
    55: ("the disk is full", ("test_resources::test_a_full_disk",)),
    56: ("no room for the run", ("test_resources::test_a_disk_without", "checkpoint/test_space::")),
    57: ("a run directory that is gone or may not be written", ("test_resources::test_a_run_directory",)),
    58: (
        "10,000 files in a run directory, a path of 250 characters",
        ("test_surroundings::ten_thousand", "test_surroundings::long_path"),
    ),
    59: ("a rank raises, exits, is killed or hangs", ("test_dying_ranks::test_a_rank",)),
    60: ("SIGTERM to one rank", ("test_dying_ranks::test_a_signal",)),
    61: ("two ranks, then one, then two", ("test_two_ranks::test_two_ranks_then",)),
    62: (
        "a test set that does not divide by the ranks",
        ("test_two_ranks::uneven", "test_two_ranks::figures"),
    ),
    63: ("a job of a sweep fails, exits or is killed", ("verbs/test_sweep::costs_only_itself",)),
}
"""Number in the test plan to what goes wrong and the tests that try it: a file below tests, and a part of a
test's name; none: nobody tries it."""


def run_rows(report: Path | None = None) -> dict[str, Any]:
    """Run every test that a row names; a row holds where each of its tests ran and passed.

    Args:
        report: What pytest's `--junitxml` wrote of a run of the whole suite, to be read instead.
    """
    ended = _ended(ElementTree.parse(report).getroot()) if report is not None else _run()
    passed, failed = [], {}
    for number, (_, tests) in sorted(ROWS.items()):
        bad = [test for test in tests if not _holds(test, ended)]
        if bad or not tests:
            failed[number] = bad
        else:
            passed.append(number)
    return {"passed": passed, "failed": failed, "tests": len(ended)}


def _run() -> dict[str, bool]:
    files = sorted({f"tests/{test.partition('::')[0]}.py" for _, tests in ROWS.values() for test in tests})
    with TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        options = ["-q", "-p", "no:cacheprovider", "-m", "not gpu and not browser", f"--junitxml={report}"]
        subprocess.run([sys.executable, "-m", "pytest", *options, *files], cwd=ROOT, check=False)
        return _ended(ElementTree.parse(report).getroot())


def _ended(root: ElementTree.Element) -> dict[str, bool]:
    """Test to whether it passed, by `file::name`."""
    found = {}
    for case in root.iter("testcase"):
        file = f"{str(case.get('classname')).replace('.', '/')}.py"
        good = not any(case.find(tag) is not None for tag in ("failure", "error", "skipped"))
        found[f"{file}::{case.get('name')}"] = good
    return found


def _holds(test: str, ended: dict[str, bool]) -> bool:
    file, _, part = test.partition("::")
    mine = [good for name, good in ended.items() if name.startswith(f"tests/{file}.py::") and part in name]
    return bool(mine) and all(mine)
