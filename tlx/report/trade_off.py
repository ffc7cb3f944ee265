"""What runs learnt against what they forgot."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from markupsafe import Markup

from tlx.report.canvas import BLUE, INK, MUTED, draw
from tlx.report.formats import label
from tlx.report.statistic import Statistic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

__all__ = ["trade_off"]

Point: TypeAlias = tuple[str, float, float]
Place: TypeAlias = tuple[float, float, Literal["left", "right"], Literal["bottom", "top"]]

NAMED = 12
"""Points that bear their names; of more, the table tells which is which."""
MARK = 8.0
"""Points of the page that a point takes."""
BESIDE: tuple[Place, ...] = (
    (6, 5, "left", "bottom"),
    (6, -5, "left", "top"),
    (-6, 5, "right", "bottom"),
    (-6, -5, "right", "top"),
)
"""Where a name may stand: the first place where it meets no other name and no point."""


def trade_off(found: Sequence[tuple[str, Statistic, Statistic]], axis: str) -> Markup:
    """Combinations as points with the intervals of both means.

    Args:
        found: The name of each, what it learnt, and what it forgot as a share.
        axis: What was learnt.
    """

    def paint(axes: "Axes") -> None:
        for _, learnt, lost in found:
            if learnt.interval is not None:
                axes.hlines(100 * lost.mean, *learnt.interval, colors=MUTED, linewidth=1)
            if lost.interval is not None:
                low, high = lost.interval
                axes.vlines(learnt.mean, 100 * low, 100 * high, colors=MUTED, linewidth=1)
            axes.plot([learnt.mean], [100 * lost.mean], "o", color=BLUE, markersize=7)
        axes.margins(x=0.25, y=0.15)
        axes.set_xlabel(axis)
        axes.set_ylabel("forgetting, points")
        if len(found) <= NAMED:
            _name(axes, [(label(name, 24), learnt.mean, 100 * lost.mean) for name, learnt, lost in found])

    return draw(f"{axis} against forgetting", paint, width=440, height=280)


def _name(axes: "Axes", points: Sequence[Point]) -> None:
    """Write the name of each point beside it, where it meets nothing if there is such a place."""
    from matplotlib.transforms import Bbox

    cast("Figure", axes.figure).draw_without_rendering()  # only then is it known how far apart points lie
    centres = [axes.transData.transform((x, y)) for _, x, y in points]
    taken = [Bbox([centre - MARK / 2, centre + MARK / 2]) for centre in centres]
    for point in points:
        boxes = {place: _extent(axes, point, place) for place in BESIDE}
        free = [place for place, box in boxes.items() if not any(map(box.overlaps, taken))]
        _written(axes, point, (free or BESIDE)[0])
        taken.append(boxes[(free or BESIDE)[0]])


def _extent(axes: "Axes", point: Point, place: Place) -> "Bbox":
    text = _written(axes, point, place)
    box = text.get_window_extent()
    text.remove()
    return box


def _written(axes: "Axes", point: Point, place: Place) -> "Annotation":
    (name, *at), (right, up, side, edge) = point, place
    return axes.annotate(
        name,
        (at[0], at[1]),
        xytext=(right, up),
        textcoords="offset points",
        ha=side,
        va=edge,
        color=INK,
        fontsize=10.5,
    )
