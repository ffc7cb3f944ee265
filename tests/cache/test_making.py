import json

import numpy as np

from tests.cache.caches import cache_of
from tlx.cache.filling import DONE
from tlx.cache.part import Part
from tlx.cache.store import META


def entries(folder):
    return {
        path.name: json.loads((path / META).read_text())
        for path in folder.iterdir()
        if (path / META).is_file()
    }


def test_an_entry_says_what_it_is_of(tmp_path):
    cache = cache_of(tmp_path)
    cache.rows(Part("val", cache.data.splits.val), (2, 1))
    found = sorted((entry["what"]["stage"], entry["frontier"]) for entry in entries(tmp_path).values())
    assert found == [("block0", 2), ("stem", 1)]
    assert {entry["what"]["samples"] for entry in entries(tmp_path).values()} == {30}


def test_what_a_killed_process_had_filled_is_not_computed_again(tmp_path):
    first = cache_of(tmp_path)
    part = Part("train", first.data.splits.train)
    wanted = first.rows(part, (3,))
    [(name, meta)] = entries(tmp_path).items()
    entry = tmp_path / name
    np.array([1, 1, 0, 1], np.uint8).tofile(entry / DONE)
    (entry / META).unlink()
    entry.rename(tmp_path / f"{name}.part")
    second, batches = cache_of(tmp_path), []
    second.cut(3)
    second.network.backbone.net.stem.register_forward_pre_hook(
        lambda _, inputs: batches.append(len(inputs[0]))
    )
    rows = second.rows(part, (3,))
    assert batches.count(16) == 1
    assert np.array_equal(rows.layout.put and rows._tensors[0].numpy(), wanted._tensors[0].numpy())
    assert entries(tmp_path)[name]["sha256"] == meta["sha256"]


def test_the_frontier_that_is_needed_now_gets_the_room(tmp_path):
    gib = 2**30
    features, stem = 52 * 8 * 4, 52 * 8 * 16 * 4
    cache = cache_of(tmp_path, ram=0, disk=(features + 3000) / gib)
    part = Part("train", cache.data.splits.train)
    assert cache.rows(part, (3, 1)) is not None
    assert stem > features + 3000 and any("to stem takes" in line for line in cache.said)
    assert {entry["what"]["stage"] for entry in entries(tmp_path).values()} == {"block1"}
