import numpy as np

from tlx.data.packed import PackedStrings
from tlx.data.texts import Texts


def make(strings=("un", "deux", "trois"), labels=(0, 1, 0)):
    places, rows = np.array([0, 0, 1]), np.array([2, 3, 2])
    return Texts(("a.csv", "b.csv"), PackedStrings.of(strings), np.array(labels), places, rows)


def test_a_text_has_a_name_a_label_and_a_size():
    texts = make()
    assert [texts.read(i) for i in range(3)] == ["un", "deux", "trois"]
    assert [texts.name(i) for i in range(3)] == ["a.csv row 2", "a.csv row 3", "b.csv row 2"]
    assert texts.sizes.tolist() == [2, 4, 5]


def test_a_subset_keeps_them_together():
    part = make().subset(np.array([2, 1]))
    assert [(part.read(i), part.name(i), part.labels[i]) for i in (0, 1)] == [
        ("trois", "b.csv row 2", 0),
        ("deux", "a.csv row 3", 1),
    ]


def test_the_fingerprint_follows_texts_labels_and_where_one_text_ends():
    prints = [make(), make(labels=(1, 1, 0)), make(("und", "eux", "trois")), make(("un", "deux", "troi!"))]
    assert len({texts.fingerprint() for texts in prints}) == 4
    assert make().fingerprint() == make().fingerprint()


def test_equal_texts_have_equal_digests():
    texts = make(("x", "y", "x"))
    assert texts.digest(0) == texts.digest(2) != texts.digest(1)
