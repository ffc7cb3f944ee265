import pytest

from tlx.data.class_names import positions
from tlx.errors import DataError

KNOWN = ("tench", "goldfish", "great white shark", "7")


def test_a_name_is_known_as_it_is_written_before_it_is_known_by_its_letters() -> None:
    assert positions(["b", "B"], ["B", "b"]).tolist() == [1, 0]
    assert positions(["GREAT-white_shark", " goldfish"], KNOWN).tolist() == [2, 1]


def test_numbers_count_only_where_every_name_begins_with_one() -> None:
    assert positions(["0001_n01", "3 x", "0-cock"], KNOWN).tolist() == [1, 3, 0]
    assert positions(["7"], KNOWN).tolist() == [3]  # a name, not the eighth
    with pytest.raises(DataError, match="2 of the 2 source classes are none that the weights know: 0, 1"):
        positions(["0", "1"], KNOWN)
    with pytest.raises(DataError, match="1 of the 2 source classes .* 0001_n01"):
        positions(["0001_n01", "tench"], KNOWN)
    with pytest.raises(DataError, match="they know tench, goldfish, great white shark and so on, 4 in all"):
        positions(["0004_n01"], KNOWN)


def test_one_class_under_two_names_is_refused() -> None:
    with pytest.raises(DataError, match="two source classes are the same class"):
        positions(["tench", "Tench"], KNOWN)
