import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from tlx.report.document import render, write_text


def test_values_are_escaped_unless_they_are_markup():
    page = render("sweep.html.jinja", **values(title="<b>bold</b>", plot=Markup("<svg></svg>")))
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>bold" not in page
    assert "<svg></svg>" in page


def test_a_value_the_template_needs_is_missed_loudly():
    with pytest.raises(UndefinedError):
        render("sweep.html.jinja", title="a")


def test_a_file_is_replaced_as_a_whole_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("a longer text than the next")
    assert write_text(path, "née \udcff") == path
    assert path.read_text(encoding="utf-8") == "née ?"
    assert list(tmp_path.iterdir()) == [path]


def test_where_nothing_can_be_written_the_old_file_stays(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("old")
    with pytest.raises(AttributeError):
        write_text(path, None)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def values(**given):
    empty = {"shown": [], "shared": [], "left": [], "missing": [], "argv": [], "links": {}}
    empty |= {"titles": {"val/accuracy": "Val accuracy"}, "texts": {}, "commands": [], "leans": True}
    numbers = {"finished": 0, "total": 0, "plotted": 1, "forgotten": None, "main": "val/accuracy"}
    row = type("Row", (), {"jobs": [], "seeds_repeat": False, "figures": {}})
    return empty | numbers | {"rows": [("all", row)]} | given
