import csv

import pytest

from tlx.data.rows import bad_row, read_lines, read_rows
from tlx.errors import DataError

BOTH = {"text": "text", "label": "label"}


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "a.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def test_reads_the_wanted_columns_with_row_numbers_as_a_spreadsheet_shows_them(file):
    path = file('id,label,text\n1,a,one\n\n2,b,"two, ""three""\nfour"\n3,c,five\n')
    assert list(read_rows(path, BOTH)) == [
        (2, ["one", "a"]),
        (4, ['two, "three"\nfour', "b"]),
        (5, ["five", "c"]),
    ]


def test_an_argument_may_name_several_columns(file):
    path = file("a,b,text\n1,2,x\n")
    assert list(read_rows(path, {"text": "text", "label": ["b", "a"]})) == [(2, ["x", "2", "1"])]
    with pytest.raises(DataError, match=r"no column 'c'.*data\.label="):
        list(read_rows(path, {"text": "text", "label": ["b", "c"]}))


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_semicolons_and_tabs_separate_where_the_first_row_is_written_with_them(file, delimiter):
    path = file(f'id{delimiter}text{delimiter}label\n1{delimiter}"one, two"{delimiter}a\n')
    assert list(read_rows(path, BOTH)) == [(2, ["one, two", "a"])]
    with pytest.raises(
        DataError, match=r"no column 'lable'; .*'id', 'text', 'label'.*Try: data\.label=label"
    ):
        list(read_rows(path, {"text": "text", "label": "lable"}))
    with pytest.raises(DataError, match=r"no column 'sentence'; its first row names 'id', 'text', 'label'"):
        list(read_rows(path, {"text": "sentence"}))


def test_a_comma_separates_before_anything_else(file):
    assert list(read_rows(file("text,label\none;two,a;b\n"), BOTH)) == [(2, ["one;two", "a;b"])]


def test_reads_a_byte_order_mark_and_other_line_ends(file):
    path = file(b"\xef\xbb\xbftext,label\r\nna\xc3\xafve,a\r\n")
    assert list(read_rows(path, BOTH)) == [(2, ["naïve", "a"])]


def test_a_very_long_text_is_read_and_the_limit_of_the_csv_module_is_left_alone(file):
    before = csv.field_size_limit(131_072)
    rows = list(read_rows(file(f"text,label\n{'x' * 1_000_000},a\n"), BOTH))
    assert len(rows[0][1][0]) == 1_000_000
    assert csv.field_size_limit(before) == 131_072


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("txt,label\nx,a\n", r"no column 'text'; its first row names 'txt', 'label'\. Try: data\.text=txt"),
        ("", "no column 'text'; its first row names none"),
        ("text,label\nx,a\ny,b,c\n", "row 3 has 3 fields where the header has 2.*quotes"),
        ("text,label\nx\n", "row 2 has 1 fields"),
        (b"text,label\nx,a\ncaf\xe9,b\n", "row 3 has bytes that are not UTF-8 in text.*iconv"),
        ("text,label\nx\0y,a\n", "row 2 has a NUL character in text"),
        ('text,label\nx,a\n"never closed,b\n', "row 3 has a fault.*quotes that close"),
    ],
)
def test_a_row_that_is_not_valid_is_named_with_a_way_out(file, content, said):
    with pytest.raises(DataError, match=said):
        list(read_rows(file(content), BOTH))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*none\.csv: No such file"):
        list(read_rows(str(tmp_path / "none.csv"), BOTH))


def test_lines_keep_their_numbers_when_empty_ones_are_left_out(file):
    assert list(read_lines(file("one\n\n  \ntwo, three\r\n"))) == [(1, "one"), (4, "two, three")]
    with pytest.raises(DataError, match="row 2 has bytes that are not UTF-8"):
        list(read_lines(file(b"one\n\xff\n")))


def test_the_error_for_a_row_says_file_row_and_way_out():
    assert str(bad_row("f.csv", 7, "no label", "label it")) == "f.csv row 7 has no label. Try: label it"
