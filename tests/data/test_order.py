import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlx.data.order import EpochBatches, EvaluationBatches, FillBatches, batches_in_epoch, random_order
from tlx.errors import ConfigError, DataError
from tlx.types import PADDING

lengths = st.integers(1, 90)
seeds = st.integers(0, 2**40)


def stream(length, batch_size, seed, start, stop, rank=0, world_size=1):
    """Batches from global position `start` to `stop`, iterating epoch after epoch."""
    at = [start]
    sampler = EpochBatches(length, batch_size, seed, rank, world_size, lambda: at[0])
    batches = []
    while at[0] < stop:
        for batch in sampler:
            batches.append(batch)
            at[0] += 1
    return batches[: stop - start]


@given(lengths, st.integers(1, 100), seeds, st.integers(0, 5))
def test_every_sample_comes_once_an_epoch(length, batch_size, seed, epoch):
    sampler = EpochBatches(
        length, batch_size, seed, position=lambda: epoch * batches_in_epoch(length, batch_size)
    )
    pairs = [pair for batch in sampler for pair in batch]
    assert sorted(index for _, index in pairs) == list(range(length))
    assert {e for e, _ in pairs} == {epoch}


@given(lengths, st.integers(1, 20), seeds, st.integers(0, 30), st.integers(1, 30))
def test_any_position_goes_on_with_the_same_stream(length, batch_size, seed, start, more):
    whole = stream(length, batch_size, seed, 0, start + more)
    assert stream(length, batch_size, seed, start, start + more) == whole[start:]


@given(lengths, st.integers(1, 12), st.integers(1, 5), seeds)
def test_the_ranks_together_read_the_batch_of_one_process(length, per_rank, world_size, seed):
    batch_size = per_rank * world_size
    alone = list(EpochBatches(length, batch_size, seed))
    ranks = [list(EpochBatches(length, batch_size, seed, r, world_size)) for r in range(world_size)]
    start = [index for batch in alone for _, index in batch]
    for number, batch in enumerate(alone):
        shares = [rank[number] for rank in ranks]
        assert len({len(share) for share in shares}) == 1
        together = [pair for share in shares for pair in share]
        assert together[: len(batch)] == batch
        fillers = [index for _, index in together[len(batch) :]]
        assert len(fillers) < 2 * world_size
        assert fillers == [start[i % length] for i in range(len(fillers))]
        assert len(shares[0]) >= min(2, per_rank) or world_size == 1


@given(lengths, st.integers(2, 12), seeds)
def test_only_the_only_sample_is_a_batch_of_one(length, batch_size, seed):
    """Batch normalisation has no variance of a single value."""
    sizes = [len(batch) for batch in EpochBatches(length, batch_size, seed)]
    assert len(sizes) == batches_in_epoch(length, batch_size)
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
    assert 2 <= sizes[-1] <= batch_size + 1 or length == 1


@given(st.integers(20, 60), seeds)
def test_epochs_and_seeds_differ(length, seed):
    orders = [tuple(random_order(length, s, e)) for s in (seed, seed + 1) for e in (0, 1)]
    assert len(set(orders)) == 4


@given(st.integers(20, 60), seeds, st.integers(0, 5))
def test_batches_of_other_epochs_and_seeds_differ(length, seed, epoch):
    def indices(seed, epoch):
        (batch,) = EpochBatches(length, length, seed, position=lambda: epoch)
        return [index for _, index in batch]

    orders = [indices(s, e) for s in (seed, seed + 1) for e in (epoch, epoch + 1)]
    assert len(set(map(tuple, orders))) == 4


def test_every_sample_is_as_likely_everywhere():
    counts = np.zeros((5, 5))
    for key in range(2000):
        counts[np.arange(5), random_order(5, key)] += 1
    # 2000 / 5 each; five standard deviations of a binomial are 90
    assert np.abs(counts - 400).max() < 90


def test_the_order_is_the_one_released():
    # A change here changes every published run: the stream is promised across versions.
    assert random_order(8, 1, 2).tolist() == [7, 1, 3, 0, 4, 2, 6, 5]


@given(lengths, st.integers(1, 12), st.integers(1, 5))
def test_evaluation_reads_in_index_order_in_batches_of_one_shape(length, per_rank, world_size):
    batch_size = per_rank * world_size
    ranks = [list(EvaluationBatches(length, batch_size, r, world_size)) for r in range(world_size)]
    assert {len(batches) for batches in ranks} == {len(EvaluationBatches(length, batch_size))}
    seen = []
    for shares in zip(*ranks, strict=True):
        assert len({len(share) for share in shares}) == 1
        seen += [index for share in shares for _, index in share]
    assert [index for index in seen if index != PADDING] == list(range(length))
    assert len({len(share) for batches in ranks for share in batches}) == 1
    if world_size == 1 and length <= batch_size:
        assert PADDING not in seen


@given(lengths, st.integers(1, 12), st.integers(1, 3))
def test_blocks_are_the_batches_of_an_evaluation_view_after_view(length, batch_size, views):
    per_view = -(-length // min(batch_size, length))
    blocks = list(FillBatches(length, batch_size, range(views * per_view)))
    alone = list(EvaluationBatches(length, batch_size))
    assert blocks == [[(view, i) for _, i in batch] for view in range(views) for batch in alone]
    assert list(FillBatches(length, batch_size, [per_view - 1])) == alone[-1:]


def test_evaluation_shares_by_hand():
    first, second = (list(EvaluationBatches(5, 4, rank, 2)) for rank in (0, 1))
    assert first == [[(0, 0), (0, 1)], [(0, 4), (0, PADDING)]]
    assert second == [[(0, 2), (0, 3)], [(0, PADDING), (0, PADDING)]]


def test_position_is_read_when_an_iterator_is_made():
    at = [0]
    sampler = EpochBatches(10, 4, 0, position=lambda: at[0])
    early = iter(sampler)
    at[0] = 2
    assert len(list(early)) == 3
    assert len(list(sampler)) == 1


def test_an_order_costs_eight_bytes_a_sample():
    assert random_order(1000, 0).nbytes == 8000
    assert len(pickle.dumps(EpochBatches(10_000_000, 8, 0))) < 500


@pytest.mark.parametrize("make", [EpochBatches, EvaluationBatches])
def test_rejects_an_empty_split(make):
    with pytest.raises(DataError, match="no samples"):
        make(0, 4, 0)


@settings(max_examples=20)
@given(st.integers(2, 9), st.integers(1, 50))
def test_rejects_a_batch_that_ranks_cannot_share_and_names_one_they_can(world_size, batch_size):
    if batch_size % world_size == 0:
        return
    with pytest.raises(ConfigError, match=r"data\.batch_size=") as caught:
        EpochBatches(100, batch_size, 0, 0, world_size)
    better = int(str(caught.value).rpartition("=")[2])
    assert better >= batch_size
    assert better % world_size == 0


def test_evaluation_names_its_own_key():
    with pytest.raises(ConfigError, match=r"data\.eval_batch_size=7 .*Try: data\.eval_batch_size=8"):
        EvaluationBatches(100, 7, 0, 2)


def test_rejects_a_rank_outside_the_world_and_a_negative_seed():
    with pytest.raises(ConfigError, match="rank=2"):
        EpochBatches(10, 4, 0, rank=2, world_size=2)
    with pytest.raises(ConfigError, match="seed=-1"):
        EpochBatches(10, 4, -1)
