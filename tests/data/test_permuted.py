import numpy as np
import pytest
from PIL import Image

from tlx.data.datamodule import TransferData
from tlx.data.digits import Digits
from tlx.data.folder import Folder
from tlx.data.overlap import sample_hashes
from tlx.data.permuted import Permuted
from tlx.data.text_csv import TextCSV
from tlx.errors import ConfigError, DataError
from tlx.plan import Phase
from tlx.recipe import build


def first(source, count=4):
    train = source.splits().train
    return np.stack([np.asarray(train.read(i)) for i in range(count)]).astype(int)


def test_all_images_of_all_splits_have_their_pixels_in_one_order():
    plain, permuted = Digits().splits(), Permuted(Digits(), order_seed=3).splits()
    assert permuted.classes == plain.classes
    marks = [
        [np.asarray(s.read(i)).ravel() for s in found[:3] for i in range(40)] for found in (plain, permuted)
    ]
    before, after = (np.stack(images).astype(int) for images in marks)
    assert not np.array_equal(before, after)
    columns = {column.tobytes(): number for number, column in enumerate(before.T)}
    moved = [columns[column.tobytes()] for column in after.T]
    distinct = {column.tobytes() for column in before.T}
    assert len(set(moved)) == len(distinct) > 50, "each column of pixels is a column somewhere else"
    for one, other in zip(plain[:3], permuted[:3], strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        assert one.name(7) == other.name(7)


def test_the_order_follows_its_seed_alone():
    one, same, other = (first(Permuted(Digits(), order_seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_pixels_stay_where_no_seed_is_given():
    assert np.array_equal(first(Permuted(Digits())), first(Digits()))
    prints = [TransferData(source).fingerprint() for source in (Permuted(Digits()), Digits())]
    assert prints[0] == prints[1], "such a source is the other one"


def test_the_border_is_black_and_is_permuted_too():
    framed = first(Permuted(Digits(), pad=2))
    assert framed.shape[1:] == (12, 12)
    assert np.array_equal(framed[:, 2:-2, 2:-2], first(Digits()))
    assert framed.sum() == first(Digits()).sum()
    permuted = first(Permuted(Digits(), order_seed=0, pad=2))
    assert permuted[:, :2].any()
    assert np.array_equal(np.sort(permuted.reshape(4, -1)), np.sort(framed.reshape(4, -1)))


def test_the_fingerprint_follows_the_order_and_the_border():
    settings = [{}, {"order_seed": 0}, {"order_seed": 1}, {"pad": 1}, {"order_seed": 0, "pad": 1}]
    prints = [TransferData(Permuted(Digits(), **each)).fingerprint() for each in settings]
    assert len(set(prints)) == 5
    assert TransferData(Permuted(Digits(), order_seed=1)).fingerprint() == prints[2]


def test_the_same_images_in_another_order_are_other_samples():
    one, other = (sample_hashes(Permuted(Digits(), order_seed=seed).splits().train) for seed in (0, 1))
    assert len({*one, *other}) == 2 * len(set(one))


def test_no_part_of_a_permuted_image_is_taken_for_it():
    phase = Phase("all", {"head": 1e-3, "layer1": 1e-4}, epochs=1)
    plain, permuted = TransferData(Permuted(Digits())), TransferData(Permuted(Digits(), order_seed=0))
    assert plain.phase_augments(phase)
    assert not permuted.phase_augments(phase)
    with pytest.raises(ConfigError, match="augment='always' .*no part of such a picture"):
        TransferData(Permuted(Digits(), order_seed=0), augment="always")


def test_mirrored_images_count_as_long_as_pixels_stay(image_folder):
    root = str(image_folder({"": {"ant": 6, "bee": 6}}))
    assert Permuted(Folder(root), pad=1).flip
    assert not Permuted(Folder(root), order_seed=0).flip


def test_files_of_several_sizes_are_refused_with_the_file(image_folder):
    root = image_folder({"train": {"ant": 4, "bee": 4}, "val": {"ant": 2, "bee": 2}})
    assert Permuted(Folder(str(root)), order_seed=0).splits().val.read(0).size == (12, 10)
    Image.new("RGB", (10, 10)).save(root / "val" / "bee" / "1.png")
    with pytest.raises(DataError, match=r"val/bee/1\.png has 10 x 10 pixels and others have 12 x 10"):
        Permuted(Folder(str(root)), order_seed=0).splits()


def test_its_recipe_builds_it_again():
    source = Permuted(Digits(split_seed=2), order_seed=5, pad=1)
    again = build(source.describe())
    assert again.describe() == source.describe()
    assert again.splits().val.fingerprint() == source.splits().val.fingerprint()


@pytest.mark.parametrize(
    ("argument", "said"), [({"order_seed": -1}, "order_seed=-1"), ({"pad": -1}, "pad=-1")]
)
def test_values_out_of_range_are_refused(argument, said):
    with pytest.raises(ConfigError, match=f"{said} is not usable"):
        Permuted(Digits(), **argument)


def test_texts_have_no_pixels(tmp_path):
    with pytest.raises(ConfigError, match="the pixels of text cannot be permuted"):
        Permuted(TextCSV(root=str(tmp_path)))
