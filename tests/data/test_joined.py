import logging

import numpy as np
import pytest

from tlx.data.by_classes import ByClasses
from tlx.data.datamodule import TransferData
from tlx.data.digits import Digits
from tlx.data.folder import Folder
from tlx.data.joined import Joined
from tlx.data.npz import NumpyFile
from tlx.data.permuted import Permuted
from tlx.data.text_csv import TextCSV
from tlx.errors import ConfigError, DataError
from tlx.recipe import build


def some(*classes, **settings):
    return ByClasses(Digits(**settings), classes)


def classes_of(splits, split):
    return [splits.classes[label] for label in split.labels]


def test_classes_are_those_of_all_in_the_order_they_first_appear():
    parts = [some("3", "1"), some("1", "7"), some("7", "3")]
    joined = Joined(parts).splits()
    assert joined.classes == ("3", "1", "7")
    for word in ("train", "val", "test"):
        split, found = getattr(joined, word), [part.splits() for part in parts]
        several = [getattr(one, word) for one in found]
        names = [part.name(i) for part in several for i in range(len(part))]
        assert [split.name(i) for i in range(len(split))] == names
        labels = [name for one, part in zip(found, several, strict=True) for name in classes_of(one, part)]
        assert classes_of(joined, split) == labels
        assert split.starts == (0, len(several[0]), len(several[0]) + len(several[1]))


def test_the_last_source_can_be_taken_alone():
    train = Joined([some("0", "1"), some("5", "6")]).splits().train
    last, alone = train.subset(np.arange(train.starts[-1], len(train))), some("5", "6").splits().train
    assert list(alone.entries()) == [(n.partition(" of part")[0], digest) for n, digest in last.entries()]
    assert last.labels.tolist() == (alone.labels + 2).tolist()


def test_the_whole_joined_of_its_halves_holds_each_sample_once():
    halves = Joined([some(*"01234"), some(*"56789")]).splits()
    whole = Digits().splits()
    for one, other in zip(halves[:3], whole[:3], strict=True):
        assert sorted(zip(map(one.name, range(len(one))), one.labels, strict=True)) == sorted(
            zip(map(other.name, range(len(other))), other.labels, strict=True)
        )


def test_there_is_a_test_split_where_every_source_has_one():
    assert Joined([some("0", "1"), some("2", "3", test_fraction=0.0)]).splits().test is None


def test_few_shots_are_drawn_of_every_class_and_keep_the_parts():
    data = TransferData(Joined([some("0", "1"), some("2", "3")]), per_class=3)
    assert np.bincount(data.splits.train.labels).tolist() == [3, 3, 3, 3]
    assert data.splits.train.starts == (0, 6)


def test_the_fingerprint_is_that_of_the_sources():
    one, again, swapped, fewer = (
        TransferData(Joined(parts)).fingerprint()
        for parts in (
            [some("0", "1"), some("2", "3")],
            [some("0", "1"), some("2", "3")],
            [some("2", "3"), some("0", "1")],
            [some("0", "1")],
        )
    )
    assert one == again
    assert len({one, swapped, fewer}) == 3


def test_the_same_images_in_other_orders_are_told_apart(caplog):
    tasks = [Permuted(Digits(), order_seed=seed) for seed in (None, 1, 2)]
    with caplog.at_level(logging.WARNING):
        joined = Joined(tasks).splits()
    assert "in two splits" not in caplog.text
    assert len(joined.train) == 3 * len(Digits().splits().train)
    entries = [*joined.train.entries()]
    assert len({digest for _, digest in entries}) == len({name for name, _ in entries}) == len(entries)


def test_a_sample_that_one_source_trains_on_and_another_tests_on_is_said(caplog):
    sources = [some("0", "1"), some("0", "1", split_seed=9)]
    with caplog.at_level(logging.WARNING):
        Joined(sources).splits()
    assert "in two splits, which flatters the figures" in caplog.text
    with pytest.raises(DataError, match="in two splits"):
        Joined(sources, duplicates="error").splits()
    caplog.clear()
    Joined(sources, duplicates="ignore").splits()
    assert not caplog.text


def test_numbers_and_several_classes_are_joined_where_all_name_the_same(tmp_path):
    rng = np.random.default_rng(0)

    def file(name, columns):
        flags = rng.integers(0, 2, (40, columns)).astype(np.uint8)
        flags[:4] = 1
        images = rng.integers(0, 256, (40, 4, 4)).astype(np.uint8)
        np.savez(tmp_path / name, train_images=images, train_labels=flags)
        return NumpyFile(str(tmp_path / f"{name}.npz"))

    a, b, c = file("a", 2), file("b", 2), file("c", 3)
    for targets in ("classes", "numbers"):
        joined = Joined([a, b]).splits(targets)
        parts = [source.splits(targets).train.labels for source in (a, b)]
        np.testing.assert_array_equal(joined.train.labels, np.concatenate(parts))
        with pytest.raises(DataError, match=r"different labels: 0, 1 in the first, 0, 1, 2 in data\.of\.1"):
            Joined([a, c]).splits(targets)


def test_files_and_arrays_can_be_joined(image_folder):
    root = str(image_folder({"": {"0": 6, "x": 6}}))
    joined = Joined([Folder(root), some("0", "1")])
    assert joined.flip is False, "digits do not mirror"
    splits = joined.splits()
    assert splits.classes == ("0", "x", "1")
    assert splits.train.read(0).size == (12, 10)
    assert splits.train.read(len(splits.train) - 1).size == (8, 8)
    assert len(splits.train.hashes()) == len(splits.train)


def test_its_recipe_builds_it_again():
    source = Joined([some("0", "1"), Permuted(some("0", "1"), order_seed=4)], duplicates="ignore")
    again = build(source.describe())
    assert again.describe() == source.describe()
    assert again.splits().train.fingerprint() == source.splits().train.fingerprint()
    assert (again.kind, again.crop) == ("image", False)


@pytest.mark.parametrize("of", [[], "digits", None, Digits()])
def test_what_is_no_list_of_sources_is_refused(of):
    with pytest.raises(ConfigError, match="of=.* is not usable. Expected a list of sources"):
        Joined(of)


def test_what_is_no_source_is_refused_with_its_number():
    with pytest.raises(ConfigError, match=r"of\.1='digits'"):
        Joined([Digits(), "digits"])


def test_images_and_texts_do_not_go_together(tmp_path):
    with pytest.raises(ConfigError, match="sources of two kinds cannot be joined: image, text"):
        Joined([Digits(), TextCSV(root=str(tmp_path))])


def test_messages_of_a_source_name_its_keys_where_they_stand(tmp_path):
    with pytest.raises(DataError, match=r"Try: data\.of\.1\.root=DIR"):
        Joined([Digits(), Folder(str(tmp_path / "nowhere"))]).splits()


def test_what_was_left_out_is_that_of_all(image_folder, tmp_path):
    roots = [image_folder({"": {"ant": 6, "bee": 6}}, tmp_path / name) for name in ("one", "two")]
    for number, root in enumerate(roots):
        (root / "bee" / f"bad{number}.png").write_bytes(b"")
    source = Joined([Folder(str(root), bad_files="skip") for root in roots], duplicates="ignore")
    source.splits()
    assert source.skipped == [("bee/bad0.png", "empty file"), ("bee/bad1.png", "empty file")]
