import io

from matplotlib import rc_context
from matplotlib.figure import Figure

from tlx.report.canvas import BLUE, SETTINGS, _inline, draw


def test_a_drawing_names_itself_and_scales_with_the_page():
    svg = draw('a "quoted" <title>', lambda axes: None)
    head = svg[: svg.index(">")]
    assert 'role="img"' in head
    assert "a &#34;quoted&#34; &lt;title&gt;" in head
    assert "viewBox=" in head
    assert "width=" not in head


def test_colours_of_the_page_become_variables():
    svg = draw("line", lambda axes: axes.plot([0, 1], [0, 1], color=BLUE))
    assert "stroke: var(--blue)" in svg
    assert BLUE not in svg


def test_formulas_are_not_set():
    assert "$x_1$" in draw("text", lambda axes: axes.set_xlabel("$x_1$"))


def paint(axes):
    axes.plot([0, 1, 2], [3.0, 1e4, 2.0], "o-", label="a longer name")
    axes.set_ylabel("what takes room beside the axes")
    axes.legend(loc="best")
    axes.figure.colorbar(axes.imshow([[0, 1]], aspect="auto", extent=(0, 2, 0, 1e4)), ax=axes, label="rate")


def test_what_is_drawn_once_is_what_matplotlib_lays_out_and_saves():
    saved = io.StringIO()
    with rc_context({**SETTINGS, "svg.hashsalt": "all"}):
        figure = Figure(figsize=(420 / 72, 250 / 72), dpi=72, layout="constrained")
        paint(figure.add_subplot())
        figure.savefig(saved, format="svg", metadata={"Date": None})
    assert draw("all", paint) == _inline(saved.getvalue(), "all")
