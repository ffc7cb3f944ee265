import os

import numpy as np
import pytest
import torch

from tests.cache.caches import cache_of
from tests.faults.jobs import CLASSES
from tlx.cache.meta import META, parsed_meta, write_meta
from tlx.cache.part import Part
from tlx.cache.rows import file_hashes
from tlx.cache.store import data_file
from tlx.plan import HEAD
from tlx.types import FrontierValues


def part(cache, name="train", views=None):
    return Part(name, getattr(cache.data.splits, name), views)


def computed(cache, frontier, split="train"):
    """The values of every sample, from pictures, in the batches of an evaluation."""
    cut = cache.cut(frontier)
    cache.network.eval()
    found = [cut.values(batch.inputs) for batch in cache.data.loader(getattr(cache.data.splits, split))]
    count = len(getattr(cache.data.splits, split))
    return {name: torch.cat([values[name] for values in found])[:count] for name in found[0]}


@pytest.mark.parametrize("settings", [{}, {"ram": 0}, {"disk": 0}], ids=["both", "disk", "memory"])
@pytest.mark.parametrize("frontier", [1, 3])
def test_rows_are_what_the_network_gives_wherever_they_are_kept(tmp_path, settings, frontier):
    cache = cache_of(tmp_path, **settings)
    rows = cache.rows(part(cache), (frontier,))
    wanted = computed(cache, frontier)
    taken = rows.take(torch.arange(52))
    assert taken.keys() == wanted.keys()
    assert all(torch.equal(taken[name], wanted[name]) for name in wanted)
    assert any(tmp_path.glob("*/meta.json")) == (settings != {"disk": 0})
    assert ("in memory" in cache.said[0]) == (settings == {"disk": 0})


def test_one_pass_fills_the_frontiers_to_come(tmp_path):
    cache, runs = cache_of(tmp_path), []
    cache.network.backbone.net.stem.register_forward_pre_hook(lambda *_: runs.append(1))
    cache.rows(part(cache), (3, 2, 1))
    once = len(runs)
    assert [len(cache.rows(part(cache), (frontier,))) for frontier in (2, 1)] == [52, 52]
    assert len(cache.said) == 1 and "block1" in cache.said[0] and "stem" in cache.said[0]
    assert len(runs) - once <= 4  # the batches that values are held against


def test_another_run_reads_what_the_first_one_filled(tmp_path):
    first = cache_of(tmp_path).rows(part(cache_of(tmp_path)), (3,))
    second = cache_of(tmp_path)
    rows = second.rows(part(second), (3,))
    assert second.said == []
    assert torch.equal(rows.take(torch.arange(52))["features"], first.take(torch.arange(52))["features"])


def test_other_weights_below_the_frontier_are_another_entry_and_those_above_are_not(tmp_path):
    one, other = cache_of(tmp_path), cache_of(tmp_path)
    one.rows(part(one), (2,))
    with torch.no_grad():
        other.network.backbone.net.block1.conv.weight.add_(1)
        other.network.head.linear.weight.add_(1)
    other.rows(part(other), (2,))
    assert other.said == []
    with torch.no_grad():
        other.network.backbone.net.block0.conv.weight.add_(1)
    again = cache_of(tmp_path)
    again.network.load_state_dict(other.network.state_dict())
    again.rows(part(again), (2,))
    assert "computed once" in again.said[0]


def test_each_view_is_a_variation_of_its_own(tmp_path):
    cache = cache_of(tmp_path, views=2)
    cache.data.augmenting = True
    taken = cache.rows(part(cache, views=2), (1,)).take(torch.arange(104))["stage/0"]
    assert not torch.equal(taken[:52], taken[52:])
    cut = cache.cut(1)
    for view in (0, 1):
        batch = next(iter(cache.data.blocks(cache.data.splits.train, [view * 4], augment=True)))
        assert torch.equal(cut.values(batch.inputs)["stage/0"], taken[view * 52 : view * 52 + 16])


def test_a_damaged_entry_is_made_anew(tmp_path):
    first = cache_of(tmp_path)
    wanted = first.rows(part(first), (3,)).take(torch.arange(52))["features"].clone()
    [file] = tmp_path.glob(f"*/{data_file(0)}")
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    second = cache_of(tmp_path)
    assert torch.equal(second.rows(part(second), (3,)).take(torch.arange(52))["features"], wanted)
    assert ["damaged" in line for line in second.said] == [True, False]
    assert not any("not what the network gives" in line for line in second.said)


def test_values_that_are_not_the_networks_are_made_anew(tmp_path, monkeypatch):
    """As after a change of code that no version tells of."""
    monkeypatch.setattr("tlx.cache.address.code_digest", lambda net: "the same")
    first = cache_of(tmp_path)
    first.rows(part(first), (3,))
    second = cache_of(tmp_path)
    block = second.network.backbone.net.block0
    block.forward = lambda x: x + 2 * block.norm(block.conv(x)).relu()
    rows = second.rows(part(second), (3,))
    assert "not what the network gives" in second.said[0]
    assert torch.equal(rows.take(torch.arange(52))["features"], computed(second, 3)["features"])


@pytest.mark.parametrize("views", [None, 2])
def test_a_last_value_that_is_not_the_networks_is_found_too(tmp_path, views):
    """Where the entry was made so, hashes and all."""
    first = cache_of(tmp_path, views=views)
    first.data.augmenting = views is not None
    wanted = first.rows(part(first, views=views), (3,)).take(torch.arange(52 * (views or 1)))
    [meta] = tmp_path.glob(f"*/{META}")
    plain = parsed_meta(meta.read_text())
    with (meta.parent / data_file(0)).open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(np.float32(7).tobytes())
    write_meta(meta.parent, plain | {"sha256": file_hashes(meta.parent, 1)})
    second = cache_of(tmp_path, views=views)
    rows = second.rows(part(second, views=views), (3,))
    assert "not what the network gives" in second.said[0]
    assert torch.equal(rows.take(torch.arange(len(rows)))["features"], wanted["features"])


def test_a_network_that_gives_other_values_each_time_is_computed_in_every_epoch(tmp_path):
    cache = cache_of(tmp_path)
    block = cache.network.backbone.net.block0
    block.forward = lambda x: x + torch.rand(())
    assert cache.rows(part(cache), (3,)) is None
    assert "computed in every epoch" in cache.said[-1]


def test_what_does_not_fit_is_computed_in_every_epoch_and_said(tmp_path):
    cache = cache_of(tmp_path, ram=1e-9, disk=1e-9)
    assert cache.rows(part(cache), (1,)) is None
    assert "cache.disk=1e-09" in cache.said[0] and "in every epoch" in cache.said[0]


def test_a_folder_that_cannot_be_written_leaves_memory(tmp_path):
    (tmp_path / "file").write_text("")
    cache = cache_of(tmp_path / "file" / "features")
    assert len(cache.rows(part(cache), (3,))) == 52
    assert "in memory" in cache.said[0]


def test_filling_moves_no_statistic_and_leaves_the_modes(tmp_path):
    cache = cache_of(tmp_path, trains=("block1", HEAD))
    cache.network.train()
    before = {name: value.clone() for name, value in cache.network.state_dict().items()}
    modes = [module.training for module in cache.network.modules()]
    cache.rows(part(cache), (2,))
    after = cache.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert [module.training for module in cache.network.modules()] == modes


def test_stored_values_give_the_outputs_of_the_pictures(tmp_path):
    cache = cache_of(tmp_path, trains=("block1", HEAD))
    rows = cache.rows(part(cache, "val"), (2,))
    cache.network.cut = cache.cut(2)
    cache.network.eval()
    batch = next(iter(cache.data.loader(cache.data.splits.val)))
    stored = FrontierValues(2, rows.take(batch.ids))
    assert torch.equal(cache.network(stored), cache.network(batch.inputs))
    assert batch.targets.max() < len(CLASSES) and np.isfinite(rows.layout.bytes)
