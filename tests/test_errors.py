import pickle

import pytest

from tlx import errors
from tlx.errors import ConfigError, TlxError, bad_value, nearest, unknown_name

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TlxError)]


def test_every_kind_has_a_name_and_a_code_of_its_own() -> None:
    codes = {kind.exit_code for kind in KINDS}
    assert codes == {2, 3, 4, 5, 6, 7, 8, 9, 70}
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def test_an_error_is_one_line_whatever_it_was_given() -> None:
    error = ConfigError("two\nlines", "in\tfile", "one  thing")
    assert error.line() == "tlx: error[config]: two lines, in file. Try: one thing"
    assert ConfigError("alone").line() == "tlx: error[config]: alone"


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_the_way_out_of_a_worker(kind: type[TlxError]) -> None:
    error = pickle.loads(pickle.dumps(kind("what", "where", "fix")))
    assert type(error) is kind
    assert str(error) == "what, where. Try: fix"


def test_a_bad_value_says_what_was_given_what_is_allowed_and_a_way_out() -> None:
    assert str(bad_value("rate", -1, "a number > 0", "rate=0.1")) == (
        "rate=-1 is not usable. Expected a number > 0. Try: rate=0.1"
    )


def test_an_unknown_name_shows_the_nearest_and_at_most_twenty() -> None:
    error = unknown_name("stage", "layr3", [f"layer{n}" for n in range(30)])
    assert error.fix == "layer3"
    assert "and 10 more" in error.what
    assert unknown_name("stage", "zzz", []).what == "no stage 'zzz'. Known: none"


def test_nothing_alike_is_no_suggestion() -> None:
    assert nearest("qqq", ["full", "partial"]) is None
