import math
import re

import pytest

from tlx.report.phases import Span
from tlx.report.plots import comparison, curves, rate_map, terms

ROWS = [
    {"epoch": e, "train/loss": 1 / e, "val/loss": 1.2 / e, "rate/stem": 0.0, "rate/head": 1e-3 / e}
    for e in range(1, 7)
]
SPANS = [Span("head", 1, 3), Span("+ layer4", 4, 6)]


def test_a_plot_has_text_one_can_read_and_search():
    svg = curves(ROWS, "loss", SPANS, 5)
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert {"epoch", "loss", "train", "val", "head", "+ layer4", "best epoch (5)"} <= set(texts)


def test_a_plot_takes_its_colours_from_the_page():
    svg = curves(ROWS, "loss", SPANS, 5)
    assert "var(--ink)" in svg and "var(--blue)" in svg
    assert "#10000" not in svg


def test_the_same_values_give_the_same_bytes_without_a_date():
    assert curves(ROWS, "loss", SPANS, 5) == curves(ROWS, "loss", SPANS, 5)
    assert "<metadata" not in curves(ROWS, "loss", SPANS, 5)


def test_other_values_give_another_plot():
    assert curves(ROWS[:5], "loss", SPANS, 5) != curves(ROWS, "loss", SPANS, 5)


def test_two_plots_of_a_page_share_no_id():
    ids = [
        set(re.findall(r' id="([^"]*)"', curves(ROWS, value, SPANS, 5) or "")) for value in ("loss", "loss")
    ]
    other = set(re.findall(r' id="([^"]*)"', rate_map(ROWS, ["stem", "head"], SPANS)))
    assert ids[0] == ids[1] and not ids[0] & other
    svg = rate_map(ROWS, ["stem", "head"], SPANS)
    assert set(re.findall(r"url\(#([^)]*)\)|xlink:href=\"#([^\"]*)\"", svg)) <= {
        pair for name in other for pair in ((name, ""), ("", name))
    }


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_not_finite_are_left_out(value):
    rows = [row | {"val/loss": value} for row in ROWS[:2]] + ROWS[2:]
    assert "nan" not in curves(rows, "loss", SPANS, 5).lower()
    assert curves([{"epoch": 1, "val/loss": value}], "loss", [], None) is None


def test_nothing_to_draw_gives_no_plot():
    assert curves([], "loss", [], None) is None
    assert rate_map([], ["head"], []) is None
    assert rate_map([{"epoch": 1, "rate/head": 0.0}], ["head"], []) is None
    assert comparison(["a"], [[]], [None], "accuracy") is None


def test_many_phases_are_numbered_instead_of_named():
    rows = [row | {"epoch": e} for e, row in enumerate(ROWS * 4, start=1)]
    spans = [Span(f"a phase named {n}", n, n) for n in range(1, 25)]
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", curves(rows, "loss", spans, None))
    assert "24" in texts and not [text for text in texts if text.startswith("a phase")]


def test_a_single_epoch_with_a_single_rate_is_drawn():
    assert "<svg" in rate_map([{"epoch": 1, "rate/head": 1e-3}], ["head"], [Span("head", 1, 1)])


def test_hostile_names_are_text_in_a_plot():
    svg = comparison(["<script>alert(1)</script>", "$x^2$"], [[0.5], [0.6]], [None, None], "accuracy")
    assert "<script" not in svg and "&lt;script&gt;" in svg and "$x^2$" in svg


def test_a_figure_without_training_values_is_drawn_for_validation_alone():
    svg = curves([{"epoch": 1, "val/average_precision": 0.5}], "average_precision", [], 1)
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert "average precision" in texts and "val" in texts and "train" not in texts


def texts_of(svg):
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_what_regularizers_added_is_drawn_with_a_line_each():
    rows = [row | {"train/accuracy": 0.5, "train/ewc": 0.1, "train/lwf": 0.2 / row["epoch"]} for row in ROWS]
    texts = texts_of(terms(rows, SPANS))
    assert {"ewc", "lwf", "added to the loss", "epoch", "head", "+ layer4"} <= set(texts)
    assert not {"loss", "accuracy", "train"} & set(texts)


def test_what_is_far_apart_is_drawn_in_steps_of_ten_times():
    rows = [row | {"train/ewc": 0.0 if row["epoch"] < 3 else 1e-3, "train/lwf": 1.0} for row in ROWS]
    assert {"0.001", "0.01", "0.1", "1"} <= set(texts_of(terms(rows, SPANS)))
    assert "nan" not in terms(rows, SPANS).lower()
    near = [row | {"train/ewc": 0.5, "train/lwf": 1.0} for row in ROWS]
    assert "0.1" not in texts_of(terms(near, SPANS))


@pytest.mark.parametrize("added", [{}, {"train/ewc": 0.0}, {"train/ewc": math.nan}])
def test_nothing_added_gives_no_plot(added):
    assert terms([row | {"train/accuracy": 0.5} | added for row in ROWS], SPANS) is None
    assert terms([], []) is None
