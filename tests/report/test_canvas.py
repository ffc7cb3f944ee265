from tlx.report.canvas import BLUE, draw


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
