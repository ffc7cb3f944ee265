import numpy as np
import torch

from tlx.data.stored import Chosen, StoredSamples
from tlx.types import PADDING


class Rows:
    frontier = 2

    def take(self, rows):
        return {"stage/0": rows.double() * 10}


def test_a_batch_holds_the_rows_of_its_samples_and_says_which_frontier_they_are_of():
    batch = StoredSamples(Rows(), np.array([5, 6, 7]))[(0, 1)]
    assert (batch.inputs.frontier, batch.inputs.values["stage/0"].tolist()) == (2, [10.0])
    batch = StoredSamples(Rows(), np.array([5, 6, 7])).__getitems__([(9, 2), (9, 0)])
    assert batch.inputs.values["stage/0"].tolist() == [20.0, 0.0]
    assert (batch.targets.tolist(), batch.ids.tolist()) == ([7, 5], [2, 0])


def test_each_epoch_reads_its_own_variation():
    samples = StoredSamples(Rows(), np.array([5, 6, 7]), views=2)
    read = [samples.__getitems__([(epoch, 1)]).inputs.values["stage/0"].item() for epoch in range(4)]
    assert read == [10.0, 40.0, 10.0, 40.0]


def test_a_filler_stands_on_sample_zero_and_is_not_counted():
    batch = StoredSamples(Rows(), np.array([[0.5], [1.5]], dtype=np.float32)).__getitems__(
        [(0, 1), (0, PADDING)]
    )
    assert (batch.targets.tolist(), batch.ids.tolist()) == ([[1.5], [0.5]], [1, PADDING])


def test_a_choice_of_rows_is_counted_from_its_own_beginning():
    chosen = Chosen(Rows(), torch.tensor([4, 2, 8]))
    assert (chosen.frontier, chosen.take(torch.tensor([2, 0]))["stage/0"].tolist()) == (2, [80.0, 40.0])
