"""The diagrams of how one split was predicted, each an inline SVG."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from tlx.report.canvas import BLUE, MUTED, ORANGE, SHADE, WRONG, draw
from tlx.report.evaluation import Bin, ClassScore
from tlx.report.formats import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["block_size", "confusion_map", "density", "reliability"]


def reliability(
    bins: Sequence[Bin], name: str, what: str = "samples", calibrated: bool = False
) -> Markup | None:
    """Accuracy over confidence, and how many samples each bin holds.

    Args:
        bins: Those of the diagram.
        name: The split's.
        what: What is counted: samples, or answers where a sample has several.
        calibrated: Whether the network's logits are divided by a temperature.

    Returns:
        The plot; None when every bin is empty.
    """
    full = [(each, each.confidence, each.accuracy) for each in bins if each.count]
    total = sum(each.count for each in bins)
    if not total:
        return None

    def paint(axes: "Axes") -> None:
        axes.plot(
            [0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="perfectly calibrated"
        )
        axes.bar(
            [each.low for each in bins], [each.count / total for each in bins],
            width=[each.high - each.low for each in bins], align="edge", color=BLUE, alpha=0.25,
            label=f"share of the {what}",
        )  # fmt: skip
        points = [(x, y) for _, x, y in full if x is not None and y is not None]
        axes.plot([x for x, _ in points], [y for _, y in points], "o-", color=ORANGE, label="accuracy")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.03)
        axes.set_xlabel("how sure the calibrated network was" if calibrated else "how sure the network was")
        axes.set_ylabel("how often it was right")
        axes.legend(loc="upper left", fontsize=10.5)

    title = f"reliability on {name}{', calibrated' if calibrated else ''}"
    return draw(title, paint, width=400, height=330)


def confusion_map(confusion: Sequence[Sequence[int]], name: str) -> Markup:
    """The confusion matrix of many classes as shades, without numbers; shares of the true class.

    Beyond 100 classes a cell stands for a block of `block_size` neighbours each way and has
    the greatest share of a mistake within it, so that no single mistake is lost.

    Args:
        confusion: K rows of K counts; a row is a true class.
        name: The split's.
    """
    import numpy as np

    counts = np.array(confusion, dtype=np.float64)
    classes, block = len(counts), block_size(len(counts))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    edge = math.ceil(classes / block)
    wrong = np.zeros((edge * block, edge * block))
    wrong[:classes, :classes] = shares * (1 - np.eye(classes))
    wrong = wrong.reshape(edge, block, edge, block).max(axis=(1, 3))
    right = np.array([shares.diagonal()[block * i : block * (i + 1)].mean() for i in range(edge)])

    def paint(axes: "Axes") -> None:
        picture = np.zeros((edge, edge, 4))
        picture[..., :3] = WRONG
        picture[..., 3] = np.where(wrong > 0, 0.2 + 0.8 * np.sqrt(wrong), 0)
        diagonal = np.arange(edge)
        picture[diagonal, diagonal, :3] = SHADE
        picture[diagonal, diagonal, 3] = np.sqrt(right)
        corner = edge * block - 0.5
        axes.imshow(picture, interpolation="none", extent=(-0.5, corner, corner, -0.5))
        axes.grid(visible=False)
        axes.set_xlabel("predicted class, by number")
        axes.set_ylabel("true class, by number")

    return draw(f"confusion matrix of {name}", paint, width=420, height=400)


def block_size(classes: int) -> int:
    """How many neighbouring classes share a row of the map.

    >>> [block_size(classes) for classes in (21, 100, 101, 1000)]
    [1, 1, 2, 10]
    """
    return math.ceil(classes / 100)


def density(score: ClassScore, number: int, name: str) -> Markup | None:
    """Predictions over targets of one number as shades, with the line where both are equal.

    A shade grows with the root of the count, so that single samples stay visible.

    Args:
        score: The number, with its density and range.
        number: Its position, which keeps the plots of a page apart.
        name: The split's.

    Returns:
        The plot; None when nothing was counted.
    """
    import numpy as np

    counts = np.array(score.density, dtype=np.float64)
    if score.range is None or not counts.size or not counts.max() > 0:
        return None
    low, high = score.range
    if low == high:
        low, high = low - 0.5, high + 0.5

    def paint(axes: "Axes") -> None:
        picture = np.zeros((*counts.shape, 4))
        picture[..., :3] = SHADE
        picture[..., 3] = np.where(counts > 0, 0.2 + 0.8 * np.sqrt(counts / counts.max()), 0).T
        axes.imshow(picture, interpolation="none", origin="lower", extent=(low, high, low, high))
        axes.plot([low, high], [low, high], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.locator_params(nbins=6)
        axes.set_xlabel(f"target, {label(score.name, 24)}")
        axes.set_ylabel("prediction")

    title = f"{name} {number}: predictions over targets of {label(score.name)}"
    return draw(title, paint, width=400, height=380)
