"""What a fit says on the console: a line per epoch, and the result at its end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tlx.figures import FORGETTING, LAST_EPOCH, TASK_FIGURES, TRAIN_FIGURE, figures_of
from tlx.report.evaluation import accuracy_interval
from tlx.report.formats import (
    DASH,
    count,
    decimal,
    duration,
    figure,
    finite,
    label,
    percent,
    percent_range,
    points,
    rate,
    words,
)

__all__ = ["epoch_line", "result_lines"]


def epoch_line(metrics: Mapping[str, float], epochs: int, phase: str, task: str = "multiclass") -> str:
    """One epoch as one line, for logs and for consoles that are no terminal.

    Args:
        metrics: A row of metrics.csv.
        epochs: The most epochs the whole run can last.
        phase: The name of the phase.
        task: The task's name, which says what is measured.

    >>> row = {"epoch": 3, "train/loss": 0.5, "val/loss": 0.6, "train/accuracy": 0.9, "val/accuracy": 0.85}
    >>> print(epoch_line(row | {"rate/stem": 0.0, "rate/head": 1e-3}, 20, "head").replace(chr(160), " "))
    epoch  3/20  head  loss 0.500 val 0.600  accuracy 90.0 % val 85.0 %  rate head 0.001
    """
    whole = str(epochs)
    place = f"epoch {int(metrics['epoch']):>{len(whole)}}/{whole}"
    loss = f"loss {decimal(metrics.get('train/loss'))} val {decimal(metrics.get('val/loss'))}"
    return f"{place}  {label(phase, 24)}  {loss}  {_figures(metrics, task)}  rate {_rates(metrics)}"


def _figures(metrics: Mapping[str, float], task: str) -> str:
    """The training figure, and what validation says of it and of the headline."""
    shown = TRAIN_FIGURE[task]
    train, val = (figure(shown, metrics.get(f"{split}/{shown}")) for split in ("train", "val"))
    headline = TASK_FIGURES[task][0]
    more = (
        "" if headline == shown else f"  {words(headline)} {figure(headline, metrics.get(f'val/{headline}'))}"
    )
    return f"{words(shown)} {train} val {val}{more}"


def _rates(metrics: Mapping[str, float]) -> str:
    """The parts that train and their rates; neighbours with the same rate share it."""
    groups: list[tuple[list[str], str]] = []
    for key, value in metrics.items():
        if not key.startswith("rate/") or not finite(value):
            continue
        if groups and groups[-1][1] == rate(value):
            groups[-1][0].append(label(key.removeprefix("rate/"), 24))
        else:
            groups.append(([label(key.removeprefix("rate/"), 24)], rate(value)))
    shown = [
        f"{names[0]}{DASH}{names[-1]} {value}" if len(names) > 1 else f"{names[0]} {value}"
        for names, value in groups
    ]
    return ", ".join(shown) or "0"


def result_lines(summary: Mapping[str, Any], page: Path | None = None) -> str:
    """The end of a fit: the result, what was forgotten of a source, why it ended, where the page lies.

    An accuracy comes with Wilson's 95 % interval. That of a mean error stands on the page, for a
    summary does not hold it; an average precision has none. Of several numbers, whose units may
    differ, the share of the variance explained leads.

    Args:
        summary: What summary.json holds.
        page: report.html, or None where there is none.
    """
    headline, last = figures_of(summary)[0], summary.get("monitor") == LAST_EPOCH
    splits = [split for split in ("test", "val") if finite(summary.get(f"{split}/{headline}")) is not None]
    lines = [_split_line(summary, split) for split in splits]
    lines += _source_line(summary)
    lines.append(
        f"weights  of epoch {count(summary.get('best/epoch'))}, "
        + ("the last" if last else f"the best by {label(summary.get('monitor', ''))}")
    )
    epochs = summary.get("train/epochs")
    lines.append(
        f"ended    {label(summary.get('ended', ''), 200)}, after {count(epochs)} "
        f"epoch{'' if epochs == 1 else 's'} and {duration(summary.get('train/seconds'))} of training"
    )
    if page is not None:
        lines.append(f"page     {page}")
    return "\n".join(lines)


def _source_line(summary: Mapping[str, Any]) -> list[str]:
    lost = finite(summary.get(FORGETTING))
    if lost is None:
        return []
    low, high = (finite(summary.get(f"{FORGETTING}_{end}")) for end in ("low", "high"))
    interval = "" if low is None or high is None else f", 95 % interval {points(low)} to {points(high)}"
    before, after = (percent(summary.get(f"source/accuracy_{when}")) for when in ("before", "after"))
    known = f"{before} before, {after} after, {count(summary.get('source/samples'))} samples"
    return [f"source   forgetting {points(lost)}{interval}: {known}"]


def _split_line(summary: Mapping[str, Any], split: str) -> str:
    headline, samples = figures_of(summary)[0], int(summary.get(f"{split}/samples") or 0)
    value = float(summary[f"{split}/{headline}"])
    note = " (it chose the epoch)" if split == "val" and summary.get("monitor") != LAST_EPOCH else ""
    interval = ""
    if headline == "accuracy":
        interval = f"95 % interval {percent_range(accuracy_interval(value, samples))}, "
    shown = f"{words(headline)} {figure(headline, value)}"
    numbers = len(summary.get("classes") or ())
    if summary.get("task") == "regression" and numbers > 1:
        explained = finite(summary.get(f"{split}/r2"))
        each = "a" if explained is None else "each a"
        lead = "" if explained is None else f"{words('r2')} {figure('r2', explained)}, "
        shown = f"{lead}{shown}, {each} mean over {numbers} numbers"
    return f"{split:<8} {shown}, {interval}{count(samples)} samples{note}"
