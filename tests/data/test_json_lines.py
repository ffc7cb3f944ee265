import pytest

from tlx.data.json_lines import read_objects
from tlx.errors import DataError

BOTH = {"text": "text", "label": ["a", "b"]}


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "a.jsonl"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def test_reads_the_wanted_keys_with_line_numbers(file):
    path = file(
        b'\xef\xbb\xbf{"b": [1], "text": "na\xc3\xafve\\n", "a": null}\r\n\n{"a": 1.5, "b": "x", "text": 3}'
    )
    assert list(read_objects(path, BOTH)) == [(1, ["naïve\n", None, [1]]), (3, [3, 1.5, "x"])]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{text: 1}", "row 2 has a fault: Expecting property name"),
        ('{"text": NaN}', "row 2 has a fault: NaN is no JSON"),
        ("[" * 100_000, "row 2 has a fault"),
        ("9" * 5000, "row 2 has a fault"),
        ("[1]", "row 2 has JSON that is no object"),
        ('{"txt": "x"}', r"row 2 has no key 'text'; its keys are 'txt'\. Try: data\.text=txt"),
        ('{"text": "x", "a": 1}', r"row 2 has no key 'b'.*data\.label="),
        ('{"text": "x\\u0000", "a": 1, "b": 1}', "row 2 has a NUL character in text"),
        ('{"text": "x", "a": ["\\ud800"], "b": 1}', "row 2 has bytes that are not UTF-8 in a"),
        (b"\xff", "row 2 has bytes that are not UTF-8"),
    ],
)
def test_a_line_that_is_not_valid_is_named_with_a_way_out(file, line, said):
    first = b'{"text": "x", "a": 1, "b": 1}\n'
    with pytest.raises(DataError, match=rf"a\.jsonl {said}"):
        list(read_objects(file(first + (line if isinstance(line, bytes) else line.encode())), BOTH))
