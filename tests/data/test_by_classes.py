import numpy as np
import pytest

from tlx.data.by_classes import ByClasses
from tlx.data.datamodule import TransferData
from tlx.data.digits import Digits
from tlx.data.folder import Folder
from tlx.data.overlap import sample_hashes
from tlx.errors import ConfigError, DataError
from tlx.recipe import build
from tlx.types import Splits


@pytest.mark.parametrize("classes", [["3", "7"], ["7", "3", "0"], [9, 1]])
def test_the_samples_of_the_classes_are_there_with_their_position_as_label(classes):
    whole, some = Digits().splits(), ByClasses(Digits(), classes).splits()
    assert some.classes == tuple(map(str, classes))
    for all_, part in zip(whole[:3], some[:3], strict=True):
        wanted = {all_.name(i): str(k) for i, k in enumerate(all_.labels) if str(k) in some.classes}
        assert {part.name(i): some.classes[k] for i, k in enumerate(part.labels)} == wanted
        row = int(np.flatnonzero(all_.labels == int(classes[0]))[0])
        at = [part.name(i) for i in range(len(part))].index(all_.name(row))
        np.testing.assert_array_equal(np.asarray(part.read(at)), np.asarray(all_.read(row)))


def test_every_class_in_its_order_is_the_source_itself():
    whole, all_of_it = Digits().splits(), ByClasses(Digits(), list("0123456789")).splits()
    for one, other in zip(whole[:3], all_of_it[:3], strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        assert list(one.entries()) == list(other.entries())


def test_classes_of_several_tasks_can_bear_the_same_names():
    tasks = [ByClasses(Digits(), pair, names=["even", "odd"]).splits() for pair in (["0", "1"], ["2", "3"])]
    assert {task.classes for task in tasks} == {("even", "odd")}
    assert not set(sample_hashes(tasks[0].train)) & set(sample_hashes(tasks[1].train))


def test_without_a_test_split_there_is_none():
    assert ByClasses(Digits(test_fraction=0.0), ["0", "1"]).splits().test is None


def test_the_fingerprint_follows_the_classes_their_order_and_their_names():
    settings = ((["1", "2"],), (["1", "3"],), (["2", "1"],), (["1", "2"], ["a", "b"]))
    prints = [TransferData(ByClasses(Digits(), *each)).fingerprint() for each in (*settings, settings[0])]
    assert prints[0] == prints[-1]
    assert len(set(prints)) == 4
    parts = [ByClasses(Digits(), *each).splits().train.fingerprint() for each in settings]
    assert len(set(parts)) == 3, "names are not the split's"


def test_few_shots_are_drawn_of_its_classes():
    data = TransferData(ByClasses(Digits(), ["8", "4"]), per_class=5)
    assert np.bincount(data.splits.train.labels).tolist() == [5, 5]


def test_samples_are_known_again_whatever_class_they_were_chosen_by(image_folder):
    root = str(image_folder({"": {"ant": 6, "bee": 6, "cat": 6}}))
    settings = {"test_fraction": 0.0, "val_fraction": 0.4}
    whole = Folder(root, **settings).splits().train
    some = ByClasses(Folder(root, **settings), ["cat", "ant"]).splits().train
    own = np.flatnonzero(whole.labels != 1)
    assert sorted(sample_hashes(some)) == sorted(sample_hashes(whole)[own])


def test_its_kind_and_what_was_left_out_are_those_of_the_source(image_folder, tmp_path):
    root = image_folder({"": {"ant": 6, "bee": 6}})
    (root / "bee" / "9.png").write_bytes(b"no image")
    source = ByClasses(Folder(str(root), bad_files="skip"), ["bee", "ant"])
    assert (source.kind, source.flip, source.crop) == ("image", True, True)
    source.splits()
    assert source.skipped == [("bee/9.png", "not an image")]


def test_its_recipe_builds_it_again(image_folder, tmp_path, monkeypatch):
    image_folder({"": {"ant": 6, "bee": 6, "cat": 6}})
    monkeypatch.chdir(tmp_path)
    source = ByClasses(Folder("images"), ["cat", "ant"], names=["yes", "no"])
    recipe = source.describe()
    assert recipe["of"]["root"] == str(tmp_path / "images")
    monkeypatch.chdir("/")
    again = build(recipe)
    assert again.describe() == recipe
    assert again.splits().val.fingerprint() == source.splits().val.fingerprint()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"classes": []}, r"classes=\[\] .*data\.classes=\[NAME,NAME\]"),
        ({"classes": "01"}, "classes='01' .* a list of names"),
        ({"classes": ["1", "2", "1"]}, "each name once, and '1' is there twice"),
        ({"classes": ["1", 1]}, "'1' is there twice"),
        ({"classes": ["1", "2"], "names": ["a"]}, r"names=\['a'\] .* a name for each of the 2 classes"),
        ({"classes": ["1", "2"], "names": ["a", "a"]}, "'a' is there twice"),
    ],
)
def test_names_that_do_not_fit_are_refused(arguments, said):
    with pytest.raises(ConfigError, match=said):
        ByClasses(Digits(), **arguments)


def test_a_class_that_the_source_has_not_is_refused_with_the_nearest(image_folder):
    root = str(image_folder({"": {"ant": 6, "bee": 6}}))
    with pytest.raises(ConfigError, match=r"no class 'bees'. Known: ant, bee, data.classes. Try: bee"):
        ByClasses(Folder(root), ["ant", "bees"]).splits()


@pytest.mark.parametrize("targets", ["classes", "numbers"])
def test_a_task_that_needs_other_labels_is_refused(targets):
    with pytest.raises(DataError, match="a choice of classes .* has one class for each sample"):
        ByClasses(Digits(), ["0", "1"]).splits(targets)


def test_one_class_is_nothing_to_tell_apart():
    with pytest.raises(DataError, match="nothing to tell apart"):
        ByClasses(Digits(), ["3"]).splits()


class Lacking(Digits):
    """Digits whose val has none above 4, which a source may let pass."""

    def splits(self, targets="class"):
        train, val, test, classes = super().splits()
        return Splits(train, val.subset(np.flatnonzero(val.labels < 5)), test, classes)


def test_a_split_without_a_sample_of_the_classes_is_refused():
    with pytest.raises(DataError, match="the val split has no sample of 8, 9"):
        ByClasses(Lacking(), ["8", "9"]).splits()


def test_messages_of_the_source_name_its_keys_where_they_stand(tmp_path):
    with pytest.raises(DataError, match=r"does not exist. Try: data\.of\.root=DIR"):
        ByClasses(Folder(str(tmp_path / "nowhere")), ["a", "b"]).splits()
    data = TransferData(ByClasses(ByClasses(Folder(str(tmp_path / "nowhere")), ["a", "b"]), ["a", "b"]))
    data.node = "source"
    with pytest.raises(DataError, match=r"Try: source\.of\.of\.root=DIR"):
        _ = data.splits
