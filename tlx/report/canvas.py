"""Drawing with matplotlib into SVG that takes its colours from the page around it."""

import re
import warnings
from collections.abc import Callable
from io import StringIO
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from tlx.report.formats import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BLUE", "INK", "MUTED", "ORANGE", "PAPER", "RULE", "SHADE", "WRONG", "draw"]

INK, MUTED, RULE, BLUE, ORANGE, PAPER = (f"#10000{number}" for number in range(1, 7))
"""Colours that stand for those of the page; `draw` replaces them by CSS variables."""

SHADE = (0.23, 0.5, 0.8)
"""A blue that shows on white and on near-black, for areas, with an alpha."""

WRONG = (0.85, 0.4, 0.15)
"""An orange that does."""

VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    BLUE: "--blue",
    ORANGE: "--orange",
    PAPER: "--paper",
}

SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 11.5,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.unicode_minus": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "legend.facecolor": PAPER,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "figure.facecolor": "none",
    "image.composite_image": False,
}


def draw(title: str, paint: Callable[["Axes"], None], width: float = 420, height: float = 250) -> Markup:
    """Paint one set of axes and give it as an inline SVG, the same bytes for the same input.

    Args:
        title: What the picture shows, for those who cannot see it; also keeps its ids apart.
        paint: Draws on the axes; uses the colours of this file.
        width: Of the drawing, in points; the page scales it.
        height: Of the drawing, in points.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    out = StringIO()
    settings: Any = {**SETTINGS, "svg.hashsalt": title}
    with rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's fonts draw the text
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        layout = ConstrainedLayoutEngine()
        figure = Figure(figsize=(width / 72, height / 72), dpi=72, layout=layout)
        canvas = FigureCanvasSVG(figure)
        paint(figure.add_subplot())
        layout.execute(figure)  # savefig would do so by drawing everything an extra time
        figure.set_layout_engine("none")
        canvas.print_svg(out, metadata={"Date": None})  # type: ignore[no-untyped-call]
    return _inline(out.getvalue(), title)


def _inline(svg: str, title: str) -> Markup:
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, count=1, flags=re.DOTALL)
    prefix = re.sub(r"[^a-z0-9]+", "-", title.lower())[:40] + "-"
    body = re.sub(r'(?<= id=")(?=[^"<>]*")|(?<=url\(#)|(?<=xlink:href="#)', prefix, body)
    for colour, variable in VARIABLES.items():
        body = body.replace(colour, f"var({variable})")
    box = re.search(r'viewBox="([^"]*)"', body)
    view = box.group(1) if box else "0 0 420 250"
    head = f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{view}" role="img" aria-label="'
    head += f'{escape(label(title, 200))}">'
    return Markup(head + body[body.index(">") + 1 :])  # matplotlib escapes what it is given
