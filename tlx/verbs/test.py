"""`tlx test`: score a finished run on its test split, or on other data of the same classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tlx.errors import printable
from tlx.verbs.finished import open_run
from tlx.verbs.words import read_words, trusted

__all__ = ["USAGE", "test"]

FIGURES_OF_A_CLASS = ("average_precision", "precision", "recall", "f1", "mae", "rmse", "r2")

USAGE = """\
tlx test RUN [split=test|val|train] [data=CHOICE] [data.KEY=VALUE] [trainer=CHOICE]: score a
finished run. Other data must have the classes it was trained on, and none of its samples unless
overlap=allow. A run of a network of your own needs trust=[PACKAGE].
"""


def test(argv: Sequence[str]) -> None:
    """Print the figures of a run on a split, with those of each class."""
    (path,), options = read_words(argv, "test", least=1, most=1)
    split, trust = options.pop("split", "test"), trusted(options)
    overlap = options.pop("overlap", "refuse")
    options.pop("trust", None)
    run = Path(path).resolve()
    data, settings = open_run(run, options, trust)

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tlx.conclusion import SAMPLES
    from tlx.data.checks import check_choice
    from tlx.data.overlap import Overlap, check_overlap
    from tlx.inference import score, split_of
    from tlx.report.formats import DASH, words

    check_choice("overlap", overlap, Overlap)
    if any(key.partition(".")[0] == "data" for key in options):
        check_overlap(run / SAMPLES, split_of(data, split), split, overlap)
    scores = score(run, data, settings, split, trust)
    columns = [name for name in FIGURES_OF_A_CLASS if name in scores["per_class"][0]]
    table = Table("name", "samples", *(words(name) for name in columns))
    for row in scores["per_class"]:
        figures = (DASH if row[name] is None else f"{row[name]:.4g}" for name in columns)
        table.add_row(Text(printable(row["name"], 120)), str(row["samples"]), *figures)
    console = Console(soft_wrap=True)
    console.print(table)
    metrics = ", ".join(f"{words(name)} {value:.4f}" for name, value in scores["metrics"].items())
    console.print(f"{split}: {metrics}, {scores['samples']} samples", markup=False, highlight=False)
    if "calibrated" in scores:
        console.print(_calibrated(scores["calibrated"], split), markup=False, highlight=False)


def _calibrated(found: Mapping[str, Any], split: str) -> str:
    """What the temperature makes of it, in one line."""
    from tlx.report.formats import DASH, words

    figures = ", ".join(
        f"{words(name)} {DASH if value is None else f'{value:.4f}'}"
        for name, value in found["metrics"].items()
    )
    leans = "; validation samples lean to the good side" if split == "val" else ""
    return f"calibrated by temperature {found['temperature']:.4g}, which validation chose{leans}: {figures}"
