import copy
from pathlib import Path

from tests.faults.jobs import BY_EPOCHS, small_job
from tests.quiet import fit_quietly
from tlx.checkpoint.durable import checkpoints, newest, read
from tlx.checkpoint.position import Anchor, position_in_order, repaced


def test_the_counter_goes_on_over_phases(tmp_path: Path) -> None:
    """Five epochs of seven batches in three phases: one count, also in the file's name."""
    fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path)
    path = newest(tmp_path / "checkpoints")
    assert path is not None
    progress = read(path)["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]
    assert progress["processed"] == 35
    assert int(path.stem) == 2 * 35 + 1


def test_without_a_limit_the_position_is_the_number_of_batches() -> None:
    assert [position_in_order(batch, 3) for batch in range(7)] == list(range(7))
    assert [position_in_order(batch, 3, 9) for batch in range(7)] == list(range(7))


def test_cut_epochs_begin_where_whole_ones_would() -> None:
    assert [position_in_order(batch, 3, 1) for batch in range(4)] == [0, 3, 6, 9]


def test_epochs_of_another_length_count_on_from_whole_epochs() -> None:
    anchor = Anchor(epoch=2, batches=17, step=9)
    assert [position_in_order(batch, 3, anchor=anchor) for batch in (17, 18, 20)] == [6, 7, 9]
    assert anchor.steps_between(epoch=1, step=5, now=9, per_epoch=10) == 10
    assert anchor.steps_between(epoch=1, step=5, now=12, per_epoch=10) == 13
    assert anchor.steps_between(epoch=3, step=20, now=22, per_epoch=10) == 2


def test_a_checkpoint_of_the_same_pace_stays_as_it_is_and_one_of_another_is_changed_once(
    tmp_path: Path,
) -> None:
    fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path)
    midway = checkpoints(tmp_path / "checkpoints")[0]
    content = read(midway)
    counters = copy.deepcopy(content["loops"])
    repaced(content, [7, 1])
    assert content["loops"] == counters
    repaced(content, [13, 1])
    ledger = content["callbacks"]["Finetuning"]
    assert ledger["anchor"] == {"epoch": 4, "batches": 34, "step": 34}
    assert content["callbacks"]["Recorder"]["sums"] is None
    changed = copy.deepcopy(content["loops"])
    repaced(content, [13, 1])
    assert content["loops"] == changed != counters
