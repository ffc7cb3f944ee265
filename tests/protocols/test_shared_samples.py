import numpy as np

from tests.faults.jobs import small_job
from tlx.data.digits import Digits
from tlx.protocols.shared_samples import shared_samples


def test_samples_that_are_in_both_are_counted_and_none_otherwise() -> None:
    splits = Digits().splits()
    some = splits.train.subset(np.arange(20))
    (said,) = shared_samples(some, splits.train.subset(np.arange(5, 100)))
    assert said.startswith("15 of the 20 source samples are in the target too: ")
    (one,) = shared_samples(some, splits.train.subset(np.array([3])))
    assert one.startswith("1 of the 20 source samples is in the target too: ")
    assert shared_samples(some, splits.val) == ()


def test_samples_that_cannot_be_compared_say_nothing() -> None:
    split = small_job().data.splits.train
    assert shared_samples(split, split) == ()
