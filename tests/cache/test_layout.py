import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tlx.cache.layout import Column, Layout
from tlx.cache.rows import StoredRows
from tlx.errors import ConfigError


def arrays(layout):
    return [np.zeros(layout.size(column), np.uint8) for column in layout.columns]


def read(layout, filled, rows):
    return StoredRows(1, layout, filled).take(torch.tensor(rows))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool])
def test_rows_come_back_to_the_bit_in_any_order(dtype):
    values = {"stage/0": (torch.randn(5, 3, 2) * 9).to(dtype), "inputs/n": torch.arange(5)}
    layout = Layout.of(values, frozenset(), 5)
    filled = arrays(layout)
    layout.put(filled, 0, {name: value[:3] for name, value in values.items()})
    layout.put(filled, 3, {name: value[3:] for name, value in values.items()})
    taken = read(layout, filled, [4, 0, 0, 2])
    for name, value in values.items():
        assert taken[name].dtype == value.dtype
        assert torch.equal(taken[name], value[[4, 0, 0, 2]])


def test_pictures_laid_out_channels_last_come_back_with_the_same_values():
    value = torch.randn(4, 3, 5, 5).contiguous(memory_format=torch.channels_last)
    layout = Layout.of({"stage/0": value}, frozenset(), 4)
    filled = arrays(layout)
    layout.put(filled, 0, {"stage/0": value})
    assert torch.equal(read(layout, filled, [1, 3])["stage/0"], value[[1, 3]])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=8), st.data())
def test_texts_take_as_much_as_they_are_long_and_are_padded_to_the_longest_of_a_batch(lengths, data):
    count, longest = len(lengths), max(lengths)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    ids = torch.where(mask, torch.arange(1, longest + 1), 7)
    stage = torch.randn(count, longest, 2)
    values = {"inputs/input_ids": ids, "stage/0": stage, "stage/1": torch.randn(count, 3)}
    per_token = frozenset({"inputs/input_ids", "stage/0"})
    layout = Layout.of(values, per_token, count, np.array(lengths), {"inputs/input_ids": 7})
    assert layout.bytes == sum(lengths) * (8 + 2 * 4) + count * 3 * 4
    filled = arrays(layout)
    layout.put(filled, 0, values)
    rows = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=6))
    taken = read(layout, filled, rows)
    most = max(lengths[row] for row in rows)
    assert torch.equal(taken["inputs/input_ids"], ids[rows][:, :most])
    assert torch.equal(taken["stage/0"], (stage * mask[..., None])[rows][:, :most])
    assert torch.equal(taken["stage/1"], values["stage/1"][rows])


def test_a_description_builds_the_layout_again():
    layout = Layout(
        (Column("stage/0", "float32", (3, 2)), Column("inputs/n", "int64", (), True, 5)), 4, np.arange(5)
    )
    again = Layout.from_description(layout.describe(), layout.offsets)
    assert (again.columns, again.rows, again.bytes) == (layout.columns, 4, 4 * 24 + 4 * 8)


def test_rows_of_another_shape_are_refused():
    layout = Layout.of({"stage/0": torch.zeros(2, 3)}, frozenset(), 4)
    with pytest.raises(ConfigError, match="stage/0 has rows of other shapes"):
        layout.put(arrays(layout), 0, {"stage/0": torch.zeros(2, 4)})
