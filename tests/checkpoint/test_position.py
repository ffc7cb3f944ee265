from pathlib import Path

from tests.faults.jobs import BY_EPOCHS, small_job
from tests.quiet import fit_quietly
from tlx.checkpoint.durable import newest, read
from tlx.checkpoint.position import position_in_order


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
