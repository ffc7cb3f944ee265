import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.data import packed
from tlx.data.packed import PackedStrings, Packer

texts = st.lists(st.text(st.characters(exclude_categories=["Cs"])))


@given(texts)
def test_gives_back_every_string(strings):
    held = PackedStrings.of(iter(strings))
    assert list(held) == strings
    assert len(held) == len(strings)
    assert held.sizes.tolist() == [len(string.encode()) for string in strings]


@given(texts.filter(bool), st.data())
def test_a_subset_is_what_a_list_would_give(strings, data):
    indices = data.draw(st.lists(st.integers(0, len(strings) - 1)))
    held = PackedStrings.of(strings).subset(np.array(indices, dtype=np.int64))
    assert list(held) == [strings[index] for index in indices]


def test_a_subset_larger_than_a_chunk_is_whole(monkeypatch):
    monkeypatch.setattr(packed, "_CHUNK", 7)
    strings = ["a" * n for n in (3, 0, 20, 1, 7, 6, 2)] + ["", "end"]
    held = PackedStrings.of(strings)
    assert list(held.subset(np.arange(9)[::-1])) == strings[::-1]


def test_pickles_to_little_more_than_its_bytes():
    held = PackedStrings.of(f"folder/{n:06}.jpg" for n in range(10_000))
    data = pickle.dumps(held)
    assert len(data) < 10_000 * (17 + 8) + 1000
    assert list(pickle.loads(data)) == list(held)


def test_a_subset_leaves_the_rest_behind():
    held = PackedStrings.of(["x" * 1_000_000, "y"]).subset(np.array([1]))
    assert len(pickle.dumps(held)) < 1000


def test_file_names_that_are_not_utf8_survive():
    name = os.fsdecode(b"caf\xe9.jpg")
    assert PackedStrings.of([name])[0] == name


def test_counts_from_the_end_and_refuses_what_is_not_there():
    held = PackedStrings.of(["a", "b"])
    assert held[-1] == "b"
    for index in (2, -3):
        with pytest.raises(IndexError, match="of 2 strings"):
            held[index]


def test_a_packer_takes_strings_one_by_one_and_may_go_on():
    packer = Packer()
    packer.add("ant")
    first = packer.packed()
    packer.add("béé")
    assert (list(first), list(packer.packed()), len(packer)) == (["ant"], ["ant", "béé"], 2)
