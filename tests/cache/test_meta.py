import json

import pytest

from tlx.cache.meta import META, parsed_meta, write_meta

PLAIN = {"what": {"split": "train"}, "frontier": 2, "layout": {"rows": 3}}


def test_what_is_written_is_read_with_what_made_it(tmp_path):
    write_meta(tmp_path, PLAIN)
    read = parsed_meta((tmp_path / META).read_text())
    assert read.pop("made_by")["tlx"]
    assert read == PLAIN


@pytest.mark.parametrize("text", ["", "[1, 2]", "{}", "null", '{"what": {}}', '{"what": [], "seal": null}'])
def test_what_tlx_did_not_write_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parsed_meta(text)


def test_any_edited_value_breaks_the_seal(tmp_path):
    write_meta(tmp_path, PLAIN)
    plain = json.loads((tmp_path / META).read_text())
    for edited in ({"frontier": 1}, {"layout": {"rows": 4}}, {"more": 1}, {"what": {"split": "val"}}):
        with pytest.raises(ValueError, match="changed after"):
            parsed_meta(json.dumps(plain | edited))
