import numpy as np
import pytest

from tlx.data.datamodule import TransferData
from tlx.data.digits import Digits
from tlx.data.few_shot import FewShot
from tlx.errors import ConfigError, DataError
from tlx.recipe import build


def names(split):
    return [split.name(index) for index in range(len(split))]


@pytest.mark.parametrize("seed", [0, 3])
def test_the_draw_is_that_of_a_run_with_few_shots(seed):
    run = TransferData(Digits(), per_class=7, seed=seed).splits
    few = FewShot(Digits(), 7, seed).splits()
    assert names(few.train) == names(run.train)
    assert np.bincount(few.train.labels).tolist() == [7] * 10
    assert names(few.val) == names(run.val) and names(few.test) == names(run.test)
    assert few.classes == run.classes


def test_a_smaller_draw_is_part_of_a_larger_one():
    assert set(names(FewShot(Digits(), 3).splits().train)) < set(names(FewShot(Digits(), 4).splits().train))


def test_another_seed_draws_others():
    assert names(FewShot(Digits(), 3).splits().train) != names(FewShot(Digits(), 3, 1).splits().train)


def test_described_and_built_again_it_is_the_same():
    few = FewShot(Digits(), 3, 5)
    again = build(few.describe())
    assert again.describe() == few.describe()
    assert names(again.splits().train) == names(few.splits().train)
    assert (again.kind, again.flip, again.crop) == (few.kind, few.flip, few.crop)


def test_values_out_of_range_are_refused():
    for arguments, said in (((0,), "shots=0"), ((1, -1), "draw_seed=-1")):
        with pytest.raises(ConfigError, match=said):
            FewShot(Digits(), *arguments)
    with pytest.raises(ConfigError, match="of="):
        FewShot("digits", 1)
    with pytest.raises(DataError, match="more than the training split has"):
        FewShot(Digits(), 5000).splits()
    with pytest.raises(DataError, match="a draw of some samples of each class"):
        FewShot(Digits(), 1).splits("classes")
