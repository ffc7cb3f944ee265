from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.data.digits import Digits
from tlx.data.portion import Portion
from tlx.data.stratified import portion
from tlx.errors import ConfigError
from tlx.recipe import build
from tlx.types import Split


def names(split: Split) -> list[str]:
    return [split.name(index) for index in range(len(split))]


def test_every_class_keeps_its_share_of_what_is_asked_for() -> None:
    whole, found = Digits().splits(), Portion(Digits(), 0.25, 0.5).splits()
    wanted = [round(count * 0.25) for count in np.bincount(whole.train.labels)]
    assert np.bincount(found.train.labels).tolist() == wanted
    assert np.bincount(found.val.labels).tolist() == [round(n * 0.5) for n in np.bincount(whole.val.labels)]
    assert whole.test is not None and found.test is not None
    assert names(found.test) == names(whole.test)
    assert set(names(found.train)) < set(names(whole.train))


def test_a_smaller_draw_is_part_of_a_larger_one_and_another_seed_draws_others() -> None:
    small, large, other = (Portion(Digits(), *each).splits() for each in ((0.1,), (0.2,), (0.1, 1.0, 1.0, 5)))
    assert set(names(small.train)) < set(names(large.train))
    assert names(small.train) != names(other.train)
    assert names(Portion(Digits(), 1.0).splits().train) == names(Digits().splits().train)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.floats(0.01, 1.0))
def test_a_rare_class_keeps_at_least_one(labels: list[int], fraction: float) -> None:
    counts = np.bincount(labels, minlength=5)
    chosen = portion(np.array(labels), fraction, 0, ("a", "b", "c", "d", "e"))
    kept = np.bincount(np.array(labels)[chosen], minlength=5)
    assert kept.tolist() == [max(1, round(n * fraction)) if n else 0 for n in counts]
    assert (np.diff(chosen) > 0).all()


def test_of_numbers_a_share_of_all_is_drawn() -> None:
    chosen = portion(np.zeros((40, 2), np.float32), 0.25, 0, ("x", "y"))
    assert len(set(chosen.tolist())) == 10


def test_described_and_built_again_it_is_the_same() -> None:
    found = Portion(Digits(), 0.3, 0.5, 0.2, 4)
    again = build(found.describe())
    assert again.describe() == found.describe()
    assert names(again.splits().val) == names(found.splits().val)
    assert (again.kind, again.flip, again.crop) == (found.kind, found.flip, found.crop)


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"train": 0}, "train=0"), ({"val": 1.5}, "val=1.5"), ({"draw_seed": -1}, "draw_seed")],
)
def test_values_out_of_range_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Portion(Digits(), **settings)
    with pytest.raises(ConfigError, match="of="):
        Portion("digits")  # type: ignore[arg-type]  # what is refused
