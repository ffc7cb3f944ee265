import numpy as np
import torch

from tests.cache.caches import cache_of
from tlx.cache.filling import Filling
from tlx.cache.layout import Layout
from tlx.cache.onepass import fill
from tlx.cache.part import Part
from tlx.trainer import World


def filling(cache, part, frontier):
    cut = cache.cut(frontier)
    layout = Layout.of(cut.values(cache.data.first(part.split, 2)), frozenset(), part.rows)
    return cut, Filling(frontier, layout, part.blocks(cache.data.eval_batch_size), None)


def test_ranks_of_a_machine_fill_disjoint_blocks_that_make_the_whole(tmp_path):
    cache = cache_of(tmp_path)
    part = Part("train", cache.data.splits.train)
    cut, shared = filling(cache, part, 2)
    _, whole = filling(cache, part, 2)
    cache.network.eval()
    fill(part, cache.data, [(cut, whole)], cache.device, cache.precision, World())
    fill(part, cache.data, [(cut, shared)], cache.device, cache.precision, World(0, 0, 2, 2))
    assert shared.done.tolist() == [1, 0, 1, 0]
    fill(part, cache.data, [(cut, shared)], cache.device, cache.precision, World(1, 1, 2, 2))
    assert whole.done.tolist() == shared.done.tolist() == [1, 1, 1, 1]
    assert all(np.array_equal(one, other) for one, other in zip(whole.arrays, shared.arrays, strict=True))


def test_only_what_is_lacking_is_computed(tmp_path):
    cache = cache_of(tmp_path)
    part = Part("train", cache.data.splits.train)
    pairs = [filling(cache, part, frontier) for frontier in (1, 3)]
    pairs[0][1].done[:] = [1, 1, 1, 0]
    pairs[1][1].done[:] = [1, 0, 1, 1]
    cache.network.eval()
    seen = []
    cache.network.backbone.net.stem.register_forward_pre_hook(
        lambda module, inputs: seen.append(len(inputs[0]))
    )
    fill(part, cache.data, pairs, cache.device, cache.precision, World())
    assert seen == [16, 16]
    assert all(filled.done.all() for _, filled in pairs)
    whole = cache.network.backbone(next(iter(cache.data.blocks(part.split, [1]))).inputs)
    assert torch.equal(pairs[1][1].rows().take(torch.arange(16, 32))["features"], whole)
