"""What runs learnt against what they forgot."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from tlx.report.canvas import BLUE, INK, MUTED, draw
from tlx.report.formats import label
from tlx.report.statistic import Statistic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["trade_off"]

NAMED = 12
"""Points that bear their names; of more, the table tells which is which."""


def trade_off(found: Sequence[tuple[str, Statistic, Statistic]], axis: str) -> Markup:
    """Combinations as points with the intervals of both means.

    Args:
        found: The name of each, what it learnt, and what it forgot as a share.
        axis: What was learnt.
    """

    def paint(axes: "Axes") -> None:
        for name, learnt, lost in found:
            if learnt.interval is not None:
                axes.hlines(100 * lost.mean, *learnt.interval, colors=MUTED, linewidth=1)
            if lost.interval is not None:
                low, high = lost.interval
                axes.vlines(learnt.mean, 100 * low, 100 * high, colors=MUTED, linewidth=1)
            axes.plot([learnt.mean], [100 * lost.mean], "o", color=BLUE, markersize=7)
            if len(found) <= NAMED:
                axes.annotate(
                    label(name, 24), (learnt.mean, 100 * lost.mean), xytext=(6, 5),
                    textcoords="offset points", color=INK, fontsize=10.5,
                )  # fmt: skip
        axes.margins(x=0.25, y=0.15)
        axes.set_xlabel(axis)
        axes.set_ylabel("forgetting, points")

    return draw(f"{axis} against forgetting", paint, width=440, height=280)
