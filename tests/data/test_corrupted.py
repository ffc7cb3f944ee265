import pickle
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from PIL import Image

from tests.faults.jobs import known_backbone
from tlx.cache.address import split_key, values_address
from tlx.cache.part import Part
from tlx.cache.settings import CacheSettings
from tlx.cache.stage_features import StageFeatures
from tlx.data.by_classes import ByClasses
from tlx.data.corrupted import Corrupted, CorruptedSplit, Recipe
from tlx.data.datamodule import TransferData
from tlx.data.digits import Digits
from tlx.data.folder import Folder
from tlx.data.overlap import sample_hashes
from tlx.data.pixels import Pixels
from tlx.data.text_csv import TextCSV
from tlx.errors import ConfigError, DataError
from tlx.functional.corruptions import corrupted
from tlx.recipe import build

OTHERS = [{"corruption": "shot_noise"}, {"severity": 4}, {"draw_seed": 1}, {"shorter_side": 4}]


def read(split, count=6):
    return [np.asarray(split.read(index)) for index in range(min(count, len(split)))]


def same(one, other):
    return [np.array_equal(*pair) for pair in zip(read(one), read(other), strict=True)]


def test_the_test_split_alone_is_corrupted():
    plain, spoilt = Digits().splits(), Corrupted(Digits()).splits()
    assert all(same(plain.train, spoilt.train)) and all(same(plain.val, spoilt.val))
    assert not any(same(plain.test, spoilt.test))
    for one, other in zip(plain[:3], spoilt[:3], strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        assert (len(one), one.name(7)) == (len(other), other.name(7))
    assert plain.classes == spoilt.classes


def test_where_there_is_no_test_split_val_is():
    plain, spoilt = Digits(test_fraction=0).splits(), Corrupted(Digits(test_fraction=0)).splits()
    assert all(same(plain.train, spoilt.train)) and not any(same(plain.val, spoilt.val))
    assert spoilt.test is None


def test_an_image_is_what_the_arithmetic_makes_of_it_by_seed_and_place():
    test = Digits().splits().test
    for seed in (0, 5):
        split = Corrupted(Digits(), "gaussian_noise", 2, seed).splits().test
        again = Corrupted(Digits(), "contrast", 1, seed).splits().test
        assert len({picture.tobytes() for picture in read(split)}) == 6
        for index, picture in enumerate(read(again)):
            draws = np.random.default_rng(0)  # contrast reads none
            expected = corrupted(np.asarray(test.read(index)), "contrast", 1, draws, 8 / 224)
            np.testing.assert_array_equal(picture, expected)
    noise = [
        np.asarray(Corrupted(Digits(), draw_seed=seed).splits().test.read(index)).tobytes()
        for seed in (0, 1)
        for index in (0, 1)
    ]
    assert len(set(noise)) == 4


def test_two_copies_of_an_image_have_noise_of_their_own():
    twice = Pixels("set", np.full((2, 8, 8), 100, np.uint8), np.zeros(2), np.arange(2))
    one, other = read(CorruptedSplit(twice, Recipe("gaussian_noise", 3, 0, 256)))
    assert not np.array_equal(one, other)


def test_order_process_and_subset_change_no_image():
    split = Corrupted(Digits()).splits().test
    whole = read(split, 40)
    part = split.subset(np.array([30, 3])).subset(np.array([1, 0]))
    np.testing.assert_array_equal(read(part), [whole[3], whole[30]])
    assert part.labels.tolist() == split.labels[[3, 30]].tolist()
    elsewhere = pickle.loads(pickle.dumps(split))
    np.testing.assert_array_equal(np.asarray(elsewhere.read(39)), whole[39])
    np.random.seed(1)
    torch.manual_seed(1)
    np.testing.assert_array_equal(np.asarray(split.read(39)), whole[39])


@pytest.mark.parametrize("workers", [0, 2])
def test_all_loading_processes_and_ranks_see_the_same(preprocessing, workers):
    split = Corrupted(Digits()).splits().test
    expected = torch.from_numpy(np.stack(read(split, len(split)))).float()[:, None]
    for ranks in (1, 2):
        found = torch.zeros_like(expected)
        for rank in range(ranks):
            data = TransferData(Corrupted(Digits()), batch_size=64, num_workers=workers, seed=9)
            data.preprocessing, data.rank, data.world_size = preprocessing, rank, ranks
            for batch in data.test_dataloader():
                found[batch.ids[batch.ids >= 0]] = batch.inputs[batch.ids >= 0]
        assert torch.equal(found, expected)


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: next(iter(other)))
def test_whoever_tells_images_apart_tells_their_corruptions_apart(other):
    plain = Digits().splits().test
    one, again, changed = (Corrupted(Digits(), **each).splits().test for each in ({}, {}, other))
    assert one.fingerprint() == again.fingerprint() == split_key(again)
    assert len({split.fingerprint() for split in (plain, one, changed)}) == 3
    assert len({split_key(split) for split in (plain, one, changed)}) == 3
    hashes = [sample_hashes(split) for split in (plain, one, changed)]
    assert len(np.unique(hashes)) == len({*hashes[0]}) * 3
    np.testing.assert_array_equal(hashes[1], sample_hashes(again))
    assert len({split.digest(4) for split in (plain, one, changed)}) == 3
    digests = [int.from_bytes(one.digest(index)[:8], "big") for index in range(5)]
    assert digests == one.short_digests(np.arange(5)).tolist() == hashes[1][:5].tolist()
    assert len({tuple(split.entries()) for split in (plain, one, again, changed)}) == 3
    assert TransferData(Corrupted(Digits())).fingerprint() != TransferData(Digits()).fingerprint()


def test_the_fingerprint_follows_the_samples_and_what_their_draws_depend_on():
    split = Corrupted(Digits()).splits().test
    one, other = split.subset(np.array([0, 1])), split.subset(np.array([1, 0]))
    assert one.fingerprint() != other.fingerprint()
    twice = Pixels("set", np.full((3, 8, 8), 100, np.uint8), np.zeros(3), np.zeros(3, np.int64))
    noisy = CorruptedSplit(twice, Recipe("gaussian_noise", 3, 0, 256))
    parts = [noisy.subset(np.array(places)) for places in ([0, 1], [1, 2])]
    assert parts[0]._split.fingerprint() == parts[1]._split.fingerprint()
    assert parts[0].fingerprint() != parts[1].fingerprint(), "the same images under other noise"


def features_in(folder, source):
    data = TransferData(source, batch_size=16)
    said = []
    kept = CacheSettings(folder=str(folder))
    return StageFeatures(kept, known_backbone(), data, torch.device("cpu"), nullcontext, {}, said.append)


def test_kept_features_of_clean_images_are_never_served_for_corrupted_ones(tmp_path):
    sources = [Digits(), *(Corrupted(Digits(), **each) for each in ({}, *OTHERS))]
    found, addresses = [], []
    for source in sources:
        features = features_in(tmp_path, source)
        part = Part("test", features.data.splits.test)
        found.append(features.of(part)["stem"])
        assert features.making.passes, "computed, and not read"
        where = torch.device("cpu")
        addresses.append(values_address(features.backbone, 1, features.data, part, where, {}))
    assert len(set(addresses)) == len(sources)
    assert all(not torch.equal(found[0], each) for each in found[1:])
    again = features_in(tmp_path, sources[1])
    assert torch.equal(again.of(Part("test", again.data.splits.test))["stem"], found[1])
    assert not again.making.passes
    train = features_in(tmp_path, Digits())
    train.of(Part("train", train.data.splits.train))
    shared = features_in(tmp_path, sources[1])
    shared.of(Part("train", shared.data.splits.train))
    assert not shared.making.passes, "training images are the same, and so are their features"


def test_a_larger_image_is_brought_down_before_it_is_corrupted(image_folder, write_image):
    root = image_folder({"train": {"a": 2, "b": 2}, "val": {"a": 1, "b": 1}, "test": {"a": 1, "b": 1}})
    write_image(root / "test" / "a" / "0.png", size=(600, 300))
    test = Folder(str(root)).splits().test
    small = Image.open(root / "test" / "a" / "0.png").resize((512, 256), Image.Resampling.BILINEAR)
    split = Corrupted(Folder(str(root)), "gaussian_blur", 1).splits().test
    expected = corrupted(np.asarray(small), "gaussian_blur", 1, np.random.default_rng(0))
    np.testing.assert_array_equal(np.asarray(split.read(0)), expected)
    assert split.sides().tolist() == [[256, 512], [10, 12]]
    whole = Corrupted(Folder(str(root)), "gaussian_blur", 1, shorter_side=None).splits().test
    expected = corrupted(np.asarray(test.read(0)), "gaussian_blur", 1, np.random.default_rng(0), 300 / 256)
    np.testing.assert_array_equal(np.asarray(whole.read(0)), expected)
    assert whole.sides().tolist() == test.sides().tolist()


def test_how_much_an_image_changes_is_told_beside_its_size():
    flat = Pixels("set", np.full((1, 300, 300), 100, np.uint8), np.zeros(1), np.zeros(1, np.int64))
    change = {
        name: CorruptedSplit(flat, Recipe(name, 1)).change(0)
        for name in ("contrast", "brightness", "saturate")
    }
    assert change == {"contrast": 0.0, "brightness": 26.0, "saturate": 0.0}
    assert CorruptedSplit(flat, Recipe("gaussian_noise", 1)).change(0) == pytest.approx(
        0.08 * 255 * np.sqrt(2 / np.pi), rel=0.02
    )


class One:
    """A split of one sample of any kind."""

    labels = np.array([0])

    def __init__(self, sample):
        self.sample = sample

    def __len__(self):
        return 1

    def read(self, index):
        return self.sample

    def name(self, index):
        return "own 0"


def brightened(sample):
    return CorruptedSplit(One(sample), Recipe("brightness", 1, 0, None)).read(0)


@pytest.mark.parametrize(
    ("mode", "comes_out", "colours"),
    [("1", "L", 1), ("L", "L", 1), ("LA", "LA", 1), ("RGB", "RGB", 3), ("RGBA", "RGBA", 3), ("P", "RGBA", 3)],
)
def test_pictures_of_every_mode_are_corrupted_and_their_alpha_is_not(mode, comes_out, colours):
    found = brightened(Image.new("L", (4, 2), 0).convert(mode))
    assert (found.mode, found.size) == (comes_out, (4, 2))
    pixels = np.asarray(found).reshape(2, 4, -1)
    assert (pixels[:, :, :colours] == 26).all()  # 0.1 of 255
    assert (pixels[:, :, colours:] == 255).all()


@pytest.mark.parametrize("shape", [(2, 4), (2, 4, 1), (2, 4, 3)])
def test_an_array_stays_one(shape):
    found = brightened(np.full(shape, 100, np.uint8))
    assert isinstance(found, np.ndarray)
    assert (found.shape, set(found.ravel().tolist())) == (shape, {126})  # 125.5


@pytest.mark.parametrize(
    "sample",
    [np.zeros((2, 4)), np.zeros((2, 4, 2), np.uint8), np.zeros((2, 4), np.uint16), Image.new("F", (4, 2))],
)
def test_what_has_no_eight_bits_of_grey_or_colour_is_refused_by_name(sample):
    with pytest.raises(DataError, match="own 0 has pixels of .* Try: pictures saved as 8-bit PNG"):
        brightened(sample)


def test_it_stands_inside_others_and_others_inside_it():
    inside = ByClasses(Corrupted(Digits()), classes=["3", "8"]).splits().test
    clean = ByClasses(Digits(), classes=["3", "8"]).splits().test
    assert not any(same(inside, clean))
    whole = {picture.tobytes() for picture in read(Corrupted(Digits()).splits().test, 360)}
    assert {picture.tobytes() for picture in read(inside)} <= whole
    assert not any(same(Corrupted(ByClasses(Digits(), classes=["3", "8"])).splits().test, clean))


def test_its_recipe_builds_it_again():
    source = Corrupted(Digits(split_seed=2), "pixelate", 4, 5, None)
    again = build(source.describe())
    assert again.describe() == source.describe()
    assert again.splits().test.fingerprint() == source.splits().test.fingerprint()
    assert (again.kind, again.flip, again.crop) == ("image", False, True)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ({"corruption": "foggy"}, "no corruption 'foggy'"),
        ({"severity": 6}, "severity=6 is not usable"),
        ({"draw_seed": -1}, "draw_seed=-1 is not usable"),
        ({"shorter_side": 0}, "shorter_side=0 is not usable"),
    ],
)
def test_values_out_of_range_are_refused(argument, said):
    with pytest.raises(ConfigError, match=said):
        Corrupted(Digits(), **argument)


def test_texts_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="text cannot be corrupted as images are"):
        Corrupted(TextCSV(root=str(tmp_path)))
