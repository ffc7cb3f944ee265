from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.origin.known import known_job, origin_on
from tlx.checkpoint.durable import write_durably
from tlx.origin.handed_on import ANCHOR, TASKS, HandedOn, handed_on, newest_task

F = {"w": torch.ones(2)}
PLACES = {ANCHOR + "w": torch.zeros(2)}


def left(folder: Path, tensors: dict[str, torch.Tensor], noted: dict[str, str] | None) -> HandedOn:
    path = folder / "run" / "known" / "ewc.safetensors"
    path.parent.mkdir(parents=True)
    write_durably(path, lambda to: save_file(tensors, to, noted), sidecar=True)
    found = handed_on(path.parent, path.name)
    assert found is not None and found.run == folder / "run"
    return found


@pytest.mark.parametrize(
    ("tensors", "noted", "separate", "online"),
    [
        (F | PLACES, {TASKS: "separate"}, (True, ""), (False, "separate")),
        (F | PLACES, None, (True, ""), (False, "separate")),
        (F, {TASKS: "online"}, (False, "online"), (True, "")),
        (F, {TASKS: "separate"}, (False, ""), (True, "")),  # of one task
        (F, None, (False, ""), (True, "")),
    ],
)
def test_what_is_handed_on_fits_the_mode_it_was_made_by(
    tensors: dict[str, torch.Tensor],
    noted: dict[str, str] | None,
    separate: tuple[bool, str],
    online: tuple[bool, str],
    tmp_path: Path,
) -> None:
    found = left(tmp_path, tensors, noted)
    assert (found.fits("separate"), found.other_mode("separate")) == separate
    assert (found.fits("online"), found.other_mode("online")) == online


def test_what_is_not_there_or_damaged_is_not_handed_on(tmp_path: Path) -> None:
    assert handed_on(None, "ewc.safetensors") is None
    assert handed_on(tmp_path, "ewc.safetensors") is None
    path = left(tmp_path, F, None).path
    path.write_bytes(path.read_bytes()[:-1])
    assert handed_on(path.parent, path.name) is None


def test_the_newest_task_is_of_the_source_or_of_the_data(tmp_path: Path) -> None:
    assert newest_task(origin_on(tmp_path)[0], None) == (40, "the source")
    assert newest_task(origin_on(tmp_path)[0], 7) == (7, "the source")
    assert newest_task(origin_on(tmp_path, known_job(0))[0], None) == (52, "the data")
