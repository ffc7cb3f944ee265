"""The plots over epochs, and that of a sweep, each an inline SVG."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from tlx.figures import FIGURES
from tlx.report.canvas import BLUE, INK, MUTED, ORANGE, RULE, SHADE, draw
from tlx.report.formats import finite, label, rate, words
from tlx.report.phases import Span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["comparison", "curves", "rate_map", "terms"]

STYLES = [(colour, dashes) for dashes in ("solid", (0, (4, 2))) for colour in (BLUE, ORANGE, INK, MUTED)]
FAR_APART = 30.0
"""How many times as large as the smallest value the largest may be on an axis of equal steps."""

CHARACTER = 6.0  # points that a character of a phase's name takes, on average


def curves(
    metrics: Sequence[Mapping[str, float]], value: str, spans: Sequence[Span], best_epoch: int | None
) -> Markup | None:
    """Train and validation curve of a figure over the epochs, phases and best epoch marked.

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
            if any(math.isfinite(number) for number in lines[split]):
                axes.plot(
                    epochs, lines[split], color=colour, linestyle=dashes, marker="" if many else "o",
                    label=split,
                )  # fmt: skip
        if best_epoch in epochs and math.isfinite(lines["val"][epochs.index(best_epoch)]):
            height = lines["val"][epochs.index(best_epoch)]
            axes.plot(
                [best_epoch], [height], "o", markersize=10, markerfacecolor="none", markeredgecolor=INK,
                linestyle="none", label=f"best epoch ({best_epoch})",
            )  # fmt: skip
        axes.set_xlabel("epoch")
        axes.set_ylabel(words(value))
        axes.legend(loc="best", fontsize=11)

    return draw(f"{words(value)} over epochs", paint)


def terms(metrics: Sequence[Mapping[str, float]], spans: Sequence[Span]) -> Markup | None:
    """What each regularizer added to the training loss over the epochs, phases marked.

    Where they are far apart the axis has steps of ten times, and what is 0 is left out.

    Returns:
        The plot; None where there is no regularizer, or none added anything.
    """
    columns = dict.fromkeys(key for row in metrics for key in row if key.startswith("train/"))
    names = [name for key in columns if (name := key.removeprefix("train/")) not in FIGURES]
    lines = {name: [_number(row, f"train/{name}") for row in metrics] for name in names}
    sizes = [number for line in lines.values() for number in line if math.isfinite(number) and number != 0]
    if not sizes:
        return None

    def paint(axes: "Axes") -> None:
        _phases(axes, spans)
        epochs = [row["epoch"] for row in metrics]
        logarithmic = min(sizes) > 0 and max(sizes) > FAR_APART * min(sizes)
        for (name, line), (colour, dashes) in zip(lines.items(), itertools.cycle(STYLES), strict=False):
            shown = [math.nan if logarithmic and number == 0 else number for number in line]
            axes.plot(
                epochs, shown, color=colour, linestyle=dashes, marker="" if len(epochs) > 40 else "o",
                label=label(name, 24),
            )  # fmt: skip
        if logarithmic:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.minorticks_off()
        axes.set_xlabel("epoch")
        axes.set_ylabel("added to the loss")
        axes.legend(loc="best", fontsize=11)

    return draw("what regularizers added to the loss over epochs", paint)


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
