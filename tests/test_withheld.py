import html
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tlx import withheld as module
from tlx.withheld import with_environment, withheld, withhold, without_withheld


@pytest.fixture(autouse=True)
def nothing_withheld_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(module._withheld)
    module._withheld.clear()
    yield
    module._withheld.clear()
    module._withheld.update(before)


VALUE = 'pa"ss\\wörd <1>\nline'


@pytest.mark.parametrize(
    "written",
    [
        VALUE,
        json.dumps(VALUE),
        json.dumps(VALUE, ensure_ascii=False),
        repr(VALUE),
        html.escape(VALUE),
        quote(VALUE),
        " ".join(VALUE.split()),
    ],
)
def test_a_value_is_found_however_it_is_written(written: str) -> None:
    withhold("DOOR", VALUE)
    text = withheld(f"before {written} after")
    assert "${oc.env:DOOR}" in text
    assert text.startswith("before ") and text.endswith(" after")
    assert "line" not in text and "ss" not in text


@pytest.mark.parametrize("value", ["none", "val/accuracy", "DEFAULT", "0.001", "1e-3", "cuda:0"[:4], "a1"])
def test_what_is_a_word_of_every_file_is_no_secret_unless_its_name_says_so(value: str) -> None:
    withhold("CHOICE", value)
    assert withheld(f"a {value} b") == f"a {value} b"
    withhold("HUB_TOKEN", value)
    assert withheld(f"a {value} b") == (f"a {value} b" if len(value) < 3 else "a ${oc.env:HUB_TOKEN} b")


def test_the_longer_of_two_values_goes_first() -> None:
    withhold("ROOT", "/srv/a1")
    withhold("DATA", "/srv/a1/photos")
    assert withheld("/srv/a1/photos and /srv/a1/x") == "${oc.env:DATA} and ${oc.env:ROOT}/x"


def test_the_password_of_an_address_is_withheld_by_itself() -> None:
    withhold("ADDRESS", "https://me:sw0rd@host/x")
    assert withheld("host refused sw0rd") == "host refused ***"
    withhold("DOOR", "sw0rd-x")
    withhold("SWORD_TOKEN", "sw0rd")
    withhold("OTHER", "sw0rd")
    assert withheld("sw0rd of https://me:sw0rd@host/x") == "${oc.env:SWORD_TOKEN} of ${oc.env:ADDRESS}"


def test_what_was_withheld_comes_back_where_the_environment_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR", "open-5esame")
    monkeypatch.delenv("GONE", raising=False)
    assert with_environment("a ${oc.env:DOOR} b ${oc.env:GONE}") == "a open-5esame b ${oc.env:GONE}"
    assert withheld("open-5esame") == "${oc.env:DOOR}"


def test_of_nested_values_the_texts_change_and_the_keys_stay() -> None:
    withhold("DOOR", "open-5esame")
    plain = {"open-5esame": ["open-5esame", 1, None, ("x open-5esame", 2.5)], "b": {"c": True}}
    assert without_withheld(plain) == {
        "open-5esame": ["${oc.env:DOOR}", 1, None, ["x ${oc.env:DOOR}", 2.5]],
        "b": {"c": True},
    }
