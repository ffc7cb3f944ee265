import numpy as np
import pytest
from sklearn.datasets import load_digits

from tlx.data.digits import Digits
from tlx.errors import ConfigError
from tlx.recipe import build


def test_holds_every_digit_once():
    train, val, test, classes = Digits().splits()
    assert len(train) + len(val) + len(test) == 1797
    names = {split.name(index) for split in (train, val, test) for index in range(len(split))}
    assert len(names) == 1797
    assert classes == tuple("0123456789")


def test_a_read_image_is_the_table_scaled_to_bytes():
    val = Digits().splits().val
    row = int(val.name(3).split()[-1])
    table = load_digits()
    image = val.read(3)
    assert (image.mode, image.size) == ("L", (8, 8))
    np.testing.assert_array_equal(np.asarray(image), np.rint(table.images[row] * 255 / 16))
    assert val.labels[3] == table.target[row]


def test_a_test_share_of_zero_gives_no_test_split():
    assert Digits(test_fraction=0.0).splits().test is None


def test_the_fingerprint_follows_the_samples():
    one, same, other = (Digits(split_seed=seed).splits().train for seed in (0, 0, 1))
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()
    assert one.subset(np.arange(5)).fingerprint() != one.fingerprint()


def test_its_recipe_builds_it_again():
    source = Digits(val_fraction=0.1, split_seed=3)
    again = build(source.describe())
    assert again.splits().val.fingerprint() == source.splits().val.fingerprint()


def test_rejects_shares_that_leave_nothing():
    with pytest.raises(ConfigError, match="val_fraction=1"):
        Digits(val_fraction=1.0)
