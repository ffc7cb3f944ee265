import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.report import formats


@given(st.text(max_size=400), st.integers(2, 80))
def test_a_label_is_one_short_line_of_harmless_characters(text, limit):
    shown = formats.label(text, limit)
    assert 0 < len(shown) <= max(limit, len("(empty)"))
    joins = str.maketrans("", "", "\u200c\u200d")
    assert not [
        c for c in shown.translate(joins) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]
    assert not set(shown) & set("\n\r\t\x00\x1b\u202e\u2066")
    shown.encode("utf-8")


def test_a_short_name_stays_as_it_is():
    assert formats.label("naïve 🦜 ñ") == "naïve 🦜 ñ"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "text", [], 10**400])
def test_what_is_no_finite_number_is_a_dash(value):
    for function in (
        formats.percent,
        formats.decimal,
        formats.count,
        formats.millions,
        formats.rate,
        formats.duration,
    ):
        assert function(value) == formats.DASH


def test_units_change_where_the_number_would_round_up():
    assert formats.duration(59.97).replace("\u00a0", " ") == "1 min 0 s"
    assert formats.duration(59.94).replace("\u00a0", " ") == "59.9 s"
