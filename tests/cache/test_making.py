import json
import resource
import shutil

import numpy as np
import torch

from tests.cache.caches import cache_of
from tlx.cache.meta import META
from tlx.cache.part import Part
from tlx.cache.store import DONE, data_file

GIB = 2**30


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
    features, stem = 52 * 8 * 4, 52 * 8 * 16 * 4
    cache = cache_of(tmp_path, ram=0, disk=(features + 3000) / GIB)
    part = Part("train", cache.data.splits.train)
    assert cache.rows(part, (3, 1)) is not None
    assert stem > features + 3000 and any("to stem takes" in line for line in cache.said)
    assert {entry["what"]["stage"] for entry in entries(tmp_path).values()} == {"block1"}


def test_what_is_needed_later_takes_no_room_of_what_is_needed_before_it(tmp_path):
    """Room for the features and for one lower frontier, of train and val alike."""
    one, lower = (52 + 30) * 8 * 4, (52 + 30) * 8 * 16 * 4
    cache = cache_of(tmp_path, ram=0, disk=(one + lower + 12000) / GIB)
    splits, passes = cache.data.splits, cache.making.passes
    wanted = [(Part(name, getattr(splits, name)), (3, 2, 1)) for name in ("train", "val")]
    assert cache.rows_of(wanted).keys() == {"train", "val"}
    assert {entry["frontier"] for entry in entries(tmp_path).values()} == {3, 2}
    assert cache.rows_of([(part, frontiers[1:]) for part, frontiers in wanted]).keys() == {"train", "val"}
    assert len(passes) == 2
    assert cache.rows_of([(part, frontiers[2:]) for part, frontiers in wanted]).keys() == {"train", "val"}
    assert len(passes) == 4
    assert not [line for line in cache.said if "every epoch" in line]
    assert taken(tmp_path) <= one + lower + 12000


def taken(folder):
    return sum(path.stat().st_size for path in folder.glob("*/*") if path.parent.name != "locks")


def test_what_never_fits_is_said_once_in_a_run(tmp_path):
    cache = cache_of(tmp_path, ram=0, disk=5000 / GIB)
    part = Part("train", cache.data.splits.train)
    for frontiers in ((3, 2, 1), (2, 1), (1,), (2,), (3,)):
        assert (cache.rows(part, frontiers) is None) == (frontiers != (3, 2, 1) and frontiers != (3,))
    assert len([line for line in cache.said if "to stem takes" in line]) == 1
    assert len([line for line in cache.said if "to block0 takes" in line]) == 1
    assert len(cache.making.passes) == 1


def test_all_that_is_in_memory_stays_within_its_budget(tmp_path):
    """Also of what is on the disk as well: there is memory for the values of one split alone."""
    cache = cache_of(tmp_path, ram=(52 * 8 * 4 + 100) / GIB)
    splits = cache.data.splits
    rows = cache.rows_of([(Part("train", splits.train), (3,)), (Part("val", splits.val), (3,))])
    assert [rows[name].in_memory > 0 for name in ("train", "val")] == [True, False]
    assert cache.rows(Part("test", splits.test), (3,)).in_memory == 0


def test_memory_that_a_phase_does_not_need_any_more_is_used_by_the_next(tmp_path):
    cache = cache_of(tmp_path, disk=0, ram=(52 * 8 * 16 * 4 + 1000) / GIB)
    part = Part("train", cache.data.splits.train)
    assert cache.rows(part, (3, 2)) is not None
    assert len(cache.making.held) == 1
    assert cache.rows(part, (2, 1)) is not None
    assert len(cache.making.held) == 1
    assert cache.rows(part, (1,)) is not None
    assert len(cache.making.held) == 1


def test_a_disk_that_is_too_small_leaves_memory_or_is_said(tmp_path):
    """As where files may not grow: a write into a mapping that has no place would kill the process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    try:
        cache = cache_of(tmp_path)
        part = Part("train", cache.data.splits.train)
        assert len(cache.rows(part, (1,))) == 52
        assert "in memory" in cache.said[0]
        cache = cache_of(tmp_path, ram=0)
        assert cache.rows(part, (1,)) is None
        assert f"more than {tmp_path} (File too large) and cache.ram=0" in cache.said[0]
        assert cache.rows(part, (3,)) is not None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.glob("*.part"))


def test_a_folder_that_goes_during_a_pass_is_survived(tmp_path):
    cache = cache_of(tmp_path / "features")
    part, wanted = Part("train", cache.data.splits.train), cache_of(tmp_path / "other")
    cache.cut(3)
    cache.network.backbone.net.stem.register_forward_pre_hook(
        lambda *_: shutil.rmtree(tmp_path / "features", ignore_errors=True)
    )
    rows = cache.rows(part, (3,))
    assert torch.equal(
        rows.take(torch.arange(52))["features"], wanted.rows(part, (3,)).take(torch.arange(52))["features"]
    )
    assert "held in memory" in cache.said[0]


def test_a_folder_that_is_only_read_serves_what_it_holds_and_the_rest_is_held_in_memory(tmp_path, as_nobody):
    folder = tmp_path / "features"
    first = cache_of(folder)
    part = Part("train", first.data.splits.train)
    first.rows(part, (3,))
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    with as_nobody():
        second = cache_of(folder)
        assert second.rows(part, (3,)) is not None
        assert second.said == []
        assert second.rows(part, (2,)) is not None
        assert len(second.said) == 1 and "in memory" in second.said[0]
        assert cache_of(folder, ram=0).rows(part, (3,)) is not None
        third = cache_of(folder, ram=0)
        assert third.rows(part, (2,)) is None
        assert f"{folder}, which cannot be written to," in third.said[0]


def test_users_of_a_shared_folder_read_evict_and_go_on_with_what_another_one_made(tmp_path, as_nobody):
    folder = tmp_path / "features"
    folder.mkdir()
    folder.chmod(0o777)
    features, block0 = 52 * 8 * 4 + 3000, 52 * 8 * 16 * 4 + 3000
    first = cache_of(folder, ram=0, disk=block0 / GIB)
    part = Part("train", first.data.splits.train)
    first.rows(part, (3,))
    first.rows_of([])
    with as_nobody():
        second = cache_of(folder, ram=0, disk=block0 / GIB)
        assert second.rows(part, (3,)) is not None
        assert second.said == []
        assert second.rows(part, (2,)) is not None
        assert [entry["frontier"] for entry in entries(folder).values()] == [2]
        [(name, _)] = entries(folder).items()
        (folder / name).rename(folder / f"{name}.part")  # as a kill would leave it
        (folder / f"{name}.part" / META).unlink()
    third = cache_of(folder, ram=0, disk=(block0 + features) / GIB)
    assert third.rows(part, (2,)) is not None
    assert entries(folder).keys() == {name}


def test_what_cannot_be_locked_is_left_to_the_process_that_fills_it(tmp_path, as_nobody):
    folder = tmp_path / "features"
    first = cache_of(folder)
    part = Part("train", first.data.splits.train)
    first.rows(part, (3,))
    [(name, _)] = entries(folder).items()
    (folder / name).rename(folder / f"{name}.part")
    (folder / "locks" / name).unlink()
    folder.chmod(0o777)
    (folder / "locks").chmod(0o555)
    with as_nobody():
        second = cache_of(folder)
        assert len(second.rows(part, (3,))) == 52
        assert "in memory" in second.said[0]
    assert (folder / f"{name}.part" / META).is_file()


def test_a_damaged_entry_that_may_not_be_replaced_is_passed_over(tmp_path, as_nobody):
    folder = tmp_path / "features"
    first = cache_of(folder)
    part = Part("train", first.data.splits.train)
    first.rows(part, (3,))
    [data] = folder.glob(f"*/{data_file(0)}")
    data.write_bytes(bytes(data.stat().st_size))
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    with as_nobody():
        second = cache_of(folder)
        assert len(second.rows(part, (3,))) == 52
    assert ["damaged" in line for line in second.said] == [True, False]
    assert "in memory" in second.said[1]


def test_an_entry_folder_without_its_meta_is_replaced(tmp_path):
    first = cache_of(tmp_path)
    part = Part("train", first.data.splits.train)
    first.rows(part, (3,))
    [(name, _)] = entries(tmp_path).items()
    (tmp_path / name / META).unlink()
    assert len(cache_of(tmp_path).rows(part, (3,))) == 52
    assert entries(tmp_path).keys() == {name}
