from pathlib import Path
from typing import Any

import pytest
import torch

from tlx.checkpoint.belonging import check_belongs, differing
from tlx.errors import CheckpointError

OWN = {"a": torch.zeros(2, 3), "b": torch.zeros(4), "c": torch.zeros(1)}
PARTS: dict[str, Any] = {"callbacks": {}, "loops": {}, "optimizer_states": [], "classes": ["x", "y"]}


def test_its_own_checkpoint_belongs_to_a_run() -> None:
    check_belongs(PARTS | {"state_dict": dict(OWN)}, OWN, ("x", "y"), Path("1.ckpt"))
    older = {key: value for key, value in PARTS.items() if key != "classes"}
    check_belongs(older | {"state_dict": dict(OWN)}, OWN, ("x", "y"), Path("1.ckpt"))


def test_the_first_three_differences_are_named() -> None:
    theirs = {"a": torch.zeros(3, 2), "c": 5, "d": torch.zeros(1), "e": torch.zeros(1)}
    with pytest.raises(
        CheckpointError, match=r"5 names or shapes .*: a \(3, 2\) there and \(2, 3\) here; "
    ) as no:
        check_belongs(PARTS | {"state_dict": theirs}, OWN, ("x", "y"), Path("1.ckpt"))
    assert "b only here; c () there and (1,) here, 1.ckpt" in str(no.value)
    assert "only there" not in str(no.value)
    with pytest.raises(CheckpointError, match=r"2 classes differ: 'y' there and none here at 1|none there"):
        check_belongs(PARTS | {"state_dict": OWN}, OWN, ("x", "z", "w"), Path("1.ckpt"))


def test_what_is_no_checkpoint_of_a_run_says_what_it_lacks() -> None:
    with pytest.raises(CheckpointError, match="lacks state_dict, callbacks, loops, optimizer_states"):
        check_belongs({"model": OWN}, OWN, ("x",), Path("1.ckpt"))


def test_equal_shapes_differ_in_nothing() -> None:
    assert list(differing({"a": (1,)}, {"a": (1,)})) == []
