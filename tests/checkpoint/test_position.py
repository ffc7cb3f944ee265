from pathlib import Path

from tests.faults.jobs import BY_EPOCHS, small_job
from tests.quiet import fit_quietly
from tlx.checkpoint.durable import newest, read


def test_the_counter_goes_on_over_phases(tmp_path: Path) -> None:
    """Five epochs of seven batches in three phases: one count, also in the file's name."""
    fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path)
    path = newest(tmp_path / "checkpoints")
    assert path is not None
    progress = read(path)["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]
    assert progress["processed"] == 35
    assert int(path.stem) == 2 * 35 + 1
