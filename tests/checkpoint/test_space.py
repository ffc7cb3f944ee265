import functools
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from tlx.checkpoint.space import bytes_kept, check_space
from tlx.errors import ResourceError

NET = nn.Linear(10, 10)
WEIGHTS = 4 * 110


@pytest.mark.parametrize(
    ("optimizer", "states"),
    [
        (torch.optim.AdamW, 2),
        (torch.optim.SGD, 0),
        (functools.partial(torch.optim.SGD, momentum=0.9), 1),
        (functools.partial(torch.optim.AdamW, amsgrad=True), 3),
    ],
)
def test_what_an_optimizer_keeps_is_counted_for_what_trains(optimizer: object, states: int) -> None:
    kept = bytes_kept(NET, 40, optimizer)  # type: ignore[arg-type]
    assert kept == 3 * (WEIGHTS + 40 * states) + 4 * WEIGHTS
    averaged = bytes_kept(NET, 40, optimizer, averaged=True)  # type: ignore[arg-type]
    assert averaged - kept == 3 * WEIGHTS


def test_what_does_not_fit_is_refused_and_what_lies_there_counts(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    check_space(tmp_path, free // 2)
    with pytest.raises(ResourceError, match=r"the run keeps up to .* MB .* are free, .*run_dir=FOLDER"):
        check_space(tmp_path, 2 * free + 10**9)
    with (tmp_path / "1.ckpt").open("wb") as sparse:
        sparse.truncate(10**12)
    check_space(tmp_path, 10**12)
    other = tmp_path / "known"
    with pytest.raises(ResourceError):
        check_space(tmp_path, 10**12 + free + 10**9, [other])
    other.mkdir()
    (tmp_path / "1.ckpt").rename(other / "ewc.safetensors")
    with pytest.raises(ResourceError):
        check_space(tmp_path, 10**12)
    check_space(tmp_path, 10**12, [other])
