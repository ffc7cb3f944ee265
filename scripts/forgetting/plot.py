"""The trade-off as a picture: what is known still over what was learned, a curve for each method."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from scripts.forgetting.points import NONE, Point, points
from scripts.forgetting.table import before
from tlx.report import page
from tlx.report.canvas import INK, MUTED, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LOOKS", "standalone", "tradeoff"]


class Look(NamedTuple):
    """How a method is drawn."""

    colour: str
    mark: str
    side: tuple[int, int]  # of a point on which its strength stands: right or left, above or below


LOOKS = {
    NONE: Look(INK, "X", (1, 1)),
    "l2sp": Look("#3b82d0", "o", (1, 1)),
    "ewc": Look("#d9662b", "s", (1, -1)),
    "lwf": Look("#1f9e6e", "^", (-1, 1)),
    "replay": Look("#b85fa3", "D", (-1, -1)),
}
"""Told apart on white, on near-black and by eyes that mix red and green."""

TITLE = "ImageNet over ants and bees, by strength of protection"


def tradeoff(result: Mapping[str, Any]) -> str:
    """Source accuracy over target accuracy, as an SVG file of its own.

    A method's points are joined from weak to strong, and each bears its strength. Bars are 95 % intervals
    over seeds; where there is one seed there are none.
    """
    found = list(points(result))

    def paint(axes: "Axes") -> None:
        axes.axhline(100 * before(result), color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            "the original network", (1, 100 * before(result)), xycoords=("axes fraction", "data"),
            xytext=(0, 4), textcoords="offset points", ha="right", fontsize=10.5, color=MUTED,
        )  # fmt: skip
        for method, look in LOOKS.items():
            curve = [point for point in found if point.method == method]
            if curve:
                _curve(axes, curve, look)
        axes.set_xlabel("accuracy on ants and bees, %")
        axes.set_ylabel("accuracy on ImageNet, %")
        axes.legend(loc="lower left", fontsize=11)

    return standalone(str(draw(TITLE, paint, width=640, height=460)))


def _curve(axes: "Axes", curve: list[Point], look: Look) -> None:
    places = [tuple(100 * point.accuracy[name].mean for name in ("target", "source")) for point in curve]
    across, up = zip(*places, strict=True)
    (right, above), colour = look.side, look.colour
    for (x, y), point in zip(places, curve, strict=True):
        bounds = [point.accuracy[name].interval for name in ("target", "source")]
        if bounds[0] is not None and bounds[1] is not None:
            (least, most), (low, high) = bounds[0], bounds[1]
            axes.hlines(y, 100 * least, 100 * most, colors=colour, linewidth=1, alpha=0.4)
            axes.vlines(x, 100 * low, 100 * high, colors=colour, linewidth=1, alpha=0.4)
        if point.strength is not None:
            axes.annotate(
                f"{point.strength:g}", (x, y), xytext=(5 * right, 4 * above), textcoords="offset points",
                ha="left" if right > 0 else "right", va="bottom" if above > 0 else "top", fontsize=9.5,
                color=colour,
            )  # fmt: skip
    line, size = ("none", 9) if curve[0].method == NONE else ("solid", 6)
    axes.plot(
        across, up, color=colour, linestyle=line, marker=look.mark, markersize=size, label=curve[0].method
    )


def standalone(svg: str) -> str:
    """An inline SVG of a page as a file: with its name space, and the page's colours by day and by night."""
    style = Path(page.__file__).with_name("templates") / "style.css"
    colours = style.read_text(encoding="utf-8").partition("\n* {")[0]
    head, _, body = svg.partition(">")
    head = head.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return f"{head}><style>{colours}\nsvg {{ background: var(--paper) }}</style>{body}\n"
