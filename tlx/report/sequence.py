"""The page of a sequence of tasks: what became of each of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from tlx.figures import FIGURES, SEQUENCE, columns_of
from tlx.functional.intervals import wilson
from tlx.report.answer import command_of
from tlx.report.canvas import draw
from tlx.report.document import render, write_text
from tlx.report.formats import count, figure, finite, label, percent, percent_range
from tlx.report.run_files import read_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DEFINITIONS", "result_lines", "write_page"]

DEFINITIONS = {
    "average_accuracy": "mean accuracy over the tasks, after the last one",
    "backward_transfer": "mean over the tasks but the last: accuracy after the last task minus accuracy "
    "right after the task itself (Lopez-Paz and Ranzato 2017)",
    "forgetting": "mean over the tasks but the last: the best accuracy since the task was learnt, before "
    "the last task, minus the accuracy after it (Chaudhry et al. 2018, who take the best over rows before "
    "the task was learnt too)",
    "forward_transfer": "mean over the tasks but the first: accuracy right before the task minus accuracy "
    "before the first one (Lopez-Paz and Ranzato 2017)",
}
"""What each figure of a sequence is."""

UNTRAINED = (
    "With a head for each task, those that are not learnt yet are answered by heads that have not been "
    "trained, so about as well as by chance"
)
"""Holds of what sequences with scenario=task show of such tasks."""

MEASURED = {
    "test": "the test split of each task",
    "val": "the val split of each task",
    "test and val": "the test split of each task, or val where there is none",
}
"""What `measured_on` of a result means."""

NAMED = 12
"""Tasks whose curves bear their names; of more, each is told by its place alone."""


def result_lines(result: Mapping[str, Any]) -> list[str]:
    """The end of a sequence, for a terminal."""
    return [f"{FIGURES[name].title:20} {said}" for name, said in _figures(result)]


def write_page(folder: Path) -> Path:
    """Write report.html of a finished sequence from its result.json.

    Args:
        folder: Its directory.

    Raises:
        CheckpointError: There is no result.
    """
    result: dict[str, Any] = read_json(folder / "result.json")
    tasks = [str(name) for name in result["tasks"]]
    matrix = [[finite(value) for value in row] for row in result["matrix"]]
    untrained = UNTRAINED if result["scenario"] == "task" else ""
    figures = [(FIGURES[name].title, said, _definition(name, untrained)) for name, said in _figures(result)]
    page = render(
        "sequence.html.jinja",
        title=f"{label(result['data'])}: {len(tasks)} tasks one after another",
        figures=figures,
        tasks=_tasks(folder, tasks, matrix, result["samples"]),
        rows=[_row(number, row) for number, row in enumerate(matrix)],
        plot=_curves(matrix, tasks),
        facts=_facts(result),
        measured=_measured(result),
        measured_on=str(result["measured_on"]),
        untrained=untrained,
    )
    return write_text(folder / "report.html", page)


def _figures(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each figure by its name, as text, whichever split measured it."""
    keys = columns_of({**result, "task": SEQUENCE})
    return [(key.rpartition("/")[2], figure(key.rpartition("/")[2], result.get(key))) for key in keys]


def _definition(name: str, untrained: str) -> str:
    """What a figure is, and, of one of tasks before they are learnt, who answers them."""
    said = DEFINITIONS[name]
    return f"{said}. {untrained}" if name == "forward_transfer" and untrained else said


def _tasks(
    folder: Path, names: Sequence[str], matrix: Sequence[Sequence[float | None]], samples: Sequence[int]
) -> list[dict[str, Any]]:
    """Of each task its page, and how well it is told right after it and after the last one."""
    found = []
    for place, (name, number) in enumerate(zip(names, samples, strict=True)):
        last = matrix[-1][place]
        found.append(
            {
                "name": name,
                "link": _page_of(folder, place),
                "samples": count(number),
                "learnt": percent(matrix[place + 1][place]),
                "last": percent(last),
                "interval": percent_range(None if last is None else wilson(round(last * number), number)),
            }
        )
    return found


def _page_of(folder: Path, number: int) -> str | None:
    """The page of a task's run, from where the sequence's lies; None where it has none."""
    page = f"tasks/{number + 1:02d}/report.html"
    return page if (folder / page).is_file() else None


def _row(number: int, row: Sequence[float | None]) -> dict[str, Any]:
    cells = [
        {
            "said": "" if value is None else f"{100 * value:.1f}",
            "shade": 0 if value is None else round(70 * value),
            "learnt": place < number,
        }
        for place, value in enumerate(row)
    ]
    return {"name": "before any" if number == 0 else f"after task {number}", "cells": cells}


def _facts(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    scenario = {
        "task": "a head for each task, and it is known which one is asked",
        "domain": "one head for all tasks",
    }
    return [
        ("Model", label(result["model"])),
        ("Strategy of each task", label(result["strategy"])),
        ("Scenario", f"{result['scenario']}: {scenario.get(str(result['scenario']), '')}"),
        ("Held on to by", _held(result)),
        ("Seed", str(result["seed"])),
        ("Measured on", _measured(result)),
        *command_of(result),
    ]


def _measured(result: Mapping[str, Any]) -> str:
    return MEASURED.get(str(result["measured_on"]), str(result["measured_on"]))


def _held(result: Mapping[str, Any]) -> str:
    """What held on to earlier tasks, and in which tasks it could."""
    chosen = result.get("regularizer") or {}
    named = "; ".join(
        f"{name} ({', '.join(f'{key} {value}' for key, value in settings.items())})"
        for name, settings in chosen.items()
    )
    if not named:
        return "nothing"
    later = list(range(2, len(result["tasks"]) + 1))
    held = list(result.get("held_on_in", later))  # sequences of before do not tell
    if held == later:
        return f"{named}, from the second task on"
    if not held:
        return f"nothing, although {named} was chosen: nothing trains that earlier tasks had left"
    *most, last = [str(number) for number in held]
    where = f"tasks {', '.join(most)} and {last}" if most else f"task {last}"
    return f"{named}, in {where} alone: in others nothing trains that earlier tasks had left"


def _curves(matrix: Sequence[Sequence[float | None]], tasks: Sequence[str]) -> Markup:
    """The accuracy of every task from the moment it was learnt, and their mean."""

    def paint(axes: "Axes") -> None:
        from matplotlib import colormaps
        from matplotlib.ticker import MaxNLocator

        shades = colormaps["viridis"]
        last = len(matrix) - 1
        for place, name in enumerate(tasks):
            points = [(t, matrix[t][place]) for t in range(place + 1, last + 1)]
            known = [(t, value) for t, value in points if value is not None]
            axes.plot(
                [t for t, _ in known], [100 * value for _, value in known], "o-",
                color=shades(0.1 + 0.75 * place / max(len(tasks) - 1, 1)),
                label=label(name, 24) if len(tasks) <= NAMED else None,
            )  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("tasks learnt")
        axes.set_ylabel("accuracy, %")
        if len(tasks) <= NAMED:
            axes.legend(loc="best", fontsize=10)

    return draw("accuracy of each task after each task", paint, width=460, height=280)
