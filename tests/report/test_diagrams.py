import base64
import io
import re

import numpy as np
from PIL import Image

from tlx.report.diagrams import confusion_map, density, reliability
from tlx.report.evaluation import Bin, ClassScore

VALUES = {"mae": 1.0, "rmse": 1.0, "r2": 0.5}


def shades(svg):
    """The alpha of each cell of the picture in a plot, its lowest row first."""
    (data,) = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)\"", svg)
    assert re.search(r'transform="matrix\([\d.]+ 0 0 -[\d.]+ ', svg)  # drawn from the bottom up
    picture = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")
    return np.asarray(picture)[..., 3]


def age(counts, low=0.0, high=10.0, name="age"):
    return ClassScore(name, 5, VALUES, (low, high), tuple(tuple(row) for row in counts))


def texts(svg):
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_a_density_has_targets_across_and_predictions_up():
    shown = shades(density(age([[4, 1], [0, 0]]), 0, "val"))
    assert shown.shape == (2, 2)
    assert (shown[0, 0], shown[1, 0]) == (255, 153)  # 0.2 + 0.8 * sqrt(1 / 4) of 255
    assert shown[0, 1] == shown[1, 1] == 0


def test_a_density_has_the_axes_of_its_range_and_the_line_of_no_error():
    svg = density(age([[1, 0], [0, 1]], 1000.0, 2000.0), 0, "val")
    assert {"1000", "2000", "target, age", "prediction"} <= set(texts(svg))
    assert "stroke-dasharray" in svg


def test_a_target_that_never_varies_has_a_density():
    assert "3.0" in texts(density(age([[2, 0], [0, 0]], 3.0, 3.0), 0, "val"))


def test_where_nothing_was_counted_there_is_no_diagram():
    assert density(age([[0, 0], [0, 0]]), 0, "val") is None
    assert density(ClassScore("bees", 5, VALUES), 0, "val") is None
    assert reliability([Bin(0.0, 1.0, 0, None, None)], "val") is None


def test_a_hostile_name_is_text_in_a_density():
    svg = density(age([[1]], name="<script>alert(1)</script>"), 0, "val")
    assert "<script" not in svg


def test_a_reliability_diagram_says_what_it_counts():
    bins = [Bin(0.5, 1.0, 4, 0.8, 0.75)]
    assert "share of the answers" in texts(reliability(bins, "val", "answers"))
    assert "share of the samples" in texts(reliability(bins, "val"))


def test_a_lone_mistake_among_a_thousand_classes_changes_the_map():
    counts = np.eye(250, dtype=int) * 5
    before = confusion_map(counts.tolist(), "test")
    counts[3, 201] = 1
    assert confusion_map(counts.tolist(), "test") != before
