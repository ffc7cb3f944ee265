import pytest

from tlx.cache.part import Part

SPLIT = list(range(10))


@pytest.mark.parametrize(
    ("views", "most", "rows", "block", "blocks"),
    [(None, 4, 10, 4, 3), (None, 64, 10, 10, 1), (3, 4, 30, 4, 9), (None, 10, 10, 10, 1)],
)
def test_a_part_is_divided_into_blocks_of_one_size(views, most, rows, block, blocks):
    part = Part("train", SPLIT, views)
    assert (part.rows, part.block(most), part.blocks(most)) == (rows, block, blocks)
