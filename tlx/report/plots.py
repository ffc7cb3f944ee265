"""The plots of the pages, each an inline SVG."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from tlx.report.canvas import BLUE, INK, MUTED, ORANGE, RULE, draw
from tlx.report.evaluation import Bin
from tlx.report.formats import finite, label, rate
from tlx.report.phases import Span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["block_size", "comparison", "confusion_map", "curves", "rate_map", "reliability"]

SHADE = (0.23, 0.5, 0.8)  # a blue that shows on white and on near-black
WRONG = (0.85, 0.4, 0.15)  # an orange that does
CHARACTER = 6.0  # points that a character of a phase's name takes, on average


def curves(
    metrics: Sequence[Mapping[str, float]], value: str, spans: Sequence[Span], best_epoch: int | None
) -> Markup | None:
    """Train and validation curve of `loss` or `accuracy` over the epochs, phases and best epoch marked.

    Returns:
        The plot; None when there is no finite value to draw.
    """
    epochs = [row["epoch"] for row in metrics]
    lines = {split: [_number(row, f"{split}/{value}") for row in metrics] for split in ("train", "val")}
    if not any(math.isfinite(number) for line in lines.values() for number in line):
        return None

    def paint(axes: "Axes") -> None:
        _phases(axes, spans)
        many = len(epochs) > 40
        for split, colour, dashes in (("train", BLUE, (0, (4, 2))), ("val", ORANGE, "solid")):
            axes.plot(
                epochs, lines[split], color=colour, linestyle=dashes, marker="" if many else "o", label=split
            )
        if best_epoch in epochs:
            height = lines["val"][epochs.index(best_epoch)]
            axes.plot(
                [best_epoch], [height], "o", markersize=10, markerfacecolor="none", markeredgecolor=INK,
                linestyle="none", label=f"best epoch ({best_epoch})",
            )  # fmt: skip
        axes.set_xlabel("epoch")
        axes.set_ylabel(value)
        axes.legend(loc="best", fontsize=11)

    return draw(f"{value} over epochs", paint)


def rate_map(
    metrics: Sequence[Mapping[str, float]], parts: Sequence[str], spans: Sequence[Span]
) -> Markup | None:
    """Which part trained in which epoch, at which rate; empty where it was frozen.

    Args:
        metrics: The rows of metrics.csv.
        parts: The stages from the input up, and the head; the input is drawn at the bottom.
        spans: The phases.

    Returns:
        The plot; None when no epoch has a rate.
    """
    import numpy as np

    found = [part for part in parts if any(f"rate/{part}" in row for row in metrics)]
    rates = np.array([[_number(row, f"rate/{part}") for row in metrics] for part in found])
    if not rates.size or not (rates > 0).any():
        return None
    high = float(rates[rates > 0].max())
    low = max(float(rates[rates > 0].min()), high / 1000)
    low = low if low < high else high / 10

    def paint(axes: "Axes") -> None:
        from matplotlib.colors import LinearSegmentedColormap, LogNorm

        shades = LinearSegmentedColormap.from_list("rate", [(*SHADE, 0.25), (*SHADE, 1.0)])
        shown = np.ma.masked_where(~(rates > 0), rates).clip(low, high)
        first, last = metrics[0]["epoch"], metrics[-1]["epoch"]
        picture = axes.imshow(
            shown, cmap=shades, norm=LogNorm(low, high), aspect="auto", origin="lower", interpolation="none",
            extent=(first - 0.5, last + 0.5, -0.5, len(found) - 0.5),
        )  # fmt: skip
        axes.grid(visible=False)
        axes.hlines(np.arange(-0.5, len(found)), first - 0.5, last + 0.5, colors=RULE, linewidth=0.6)
        _phases(axes, spans)
        axes.set_yticks(range(len(found)), [label(part, 20) for part in found])
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("epoch")
        bar = axes.figure.colorbar(picture, ax=axes, aspect=30, pad=0.02, label="rate")
        bar.outline.set_visible(False)  # type: ignore[operator, unused-ignore]
        ticks = _rate_ticks(low, high)
        bar.ax.minorticks_off()
        bar.set_ticks(ticks, labels=[rate(tick) for tick in ticks])
        bar.ax.grid(visible=False)

    return draw("what trained when, at which rate", paint, height=90 + 22 * min(max(len(found), 4), 30))


def _rate_ticks(low: float, high: float) -> list[float]:
    """One, two and five times the powers of ten in a range; at least its upper end.

    >>> _rate_ticks(0.0015, 0.06)
    [0.002, 0.005, 0.01, 0.02, 0.05]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [float(f"{step}e{power}") for power in powers for step in (1, 2, 5)]
    return [tick for tick in ticks if low <= tick <= high] or [high]


def reliability(bins: Sequence[Bin], name: str) -> Markup | None:
    """Accuracy over confidence, and how many samples each bin holds.

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
            label="share of the samples",
        )  # fmt: skip
        points = [(x, y) for _, x, y in full if x is not None and y is not None]
        axes.plot([x for x, _ in points], [y for _, y in points], "o-", color=ORANGE, label="accuracy")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.03)
        axes.set_xlabel("how sure the network was")
        axes.set_ylabel("how often it was right")
        axes.legend(loc="upper left", fontsize=10.5)

    return draw(f"reliability on {name}", paint, width=400, height=330)


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


def comparison(
    labels: Sequence[str],
    values: Sequence[Sequence[float]],
    intervals: Sequence[tuple[float, float] | None],
    axis: str,
) -> Markup | None:
    """Groups as points with intervals, one under the other, every single value small beside them.

    Args:
        labels: A name for each group.
        values: The values of each group; a group without one is left empty.
        intervals: The interval of each group's mean, or None.
        axis: What the values are.

    Returns:
        The plot; None when there is no value.
    """
    if not any(values):
        return None

    def paint(axes: "Axes") -> None:
        for place, (group, bounds) in enumerate(zip(values, intervals, strict=True)):
            if not group:
                continue
            mean = sum(group) / len(group)
            axes.plot(group, [place + 0.22] * len(group), "|", color=MUTED, markersize=8)
            if bounds is not None:
                axes.hlines(place, *bounds, colors=BLUE, linewidth=2.2)
            axes.plot(
                [mean], [place], "o", color=BLUE, markersize=8, markerfacecolor=BLUE if bounds else "none"
            )
        axes.set_yticks(range(len(labels)), [label(name, 24) for name in labels])
        axes.set_ylim(len(labels) - 0.5, -0.6)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(axis)

    return draw(f"comparison by {axis}", paint, width=440, height=64 + 30 * len(labels))


def _phases(axes: "Axes", spans: Sequence[Span]) -> None:
    """Mark the phases: a line between two, a name above each, or its number where names do not fit."""
    if not spans:
        return
    first, last = spans[0].first - 0.5, spans[-1].last + 0.5
    axes.set_xlim(first, last)
    points = 330 / max(last - first, 1)  # what one epoch takes, about
    if spans[-1].last - spans[0].first < 12:
        axes.set_xticks(range(spans[0].first, spans[-1].last + 1))
    names = [label(span.name, 24) for span in spans]
    fits = all(
        len(name) * CHARACTER < (span.last - span.first + 1) * points
        for name, span in zip(names, spans, strict=True)
    )
    for number, (name, span) in enumerate(zip(names, spans, strict=True), start=1):
        if number > 1:
            axes.axvline(span.first - 0.5, color=MUTED, linewidth=1, linestyle=(0, (2, 2)))
        middle = (span.first + span.last) / 2
        axes.annotate(
            name if fits else str(number), (middle, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 4),
            textcoords="offset points", ha="center", va="bottom", fontsize=10.5, color=MUTED,
        )  # fmt: skip


def _number(row: Mapping[str, float], key: str) -> float:
    number = finite(row.get(key))
    return math.nan if number is None else number
