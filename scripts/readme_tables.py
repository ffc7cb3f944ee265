"""Writes the tables of README.md between their markers, from the configs and the code.

    python -m scripts.readme_tables

`tests/test_readme.py` fails where the README holds other tables than this would write.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.answers import table as answers
from scripts.bench import cost, fisher, frechet
from scripts.bench.table import caption, markdown
from scripts.forgetting import table as forgetting
from scripts.reproduction import table as reproduction
from tlx.composition.groups import choices, meaning
from tlx.report.summary import SUMMARY_KEYS

README = Path(__file__).parent.parent / "README.md"


def group_table(group: str) -> str:
    """A choice a line: its name and what it means."""
    rows = [f"| `{choice}` | {meaning(group, choice)} |" for choice in choices(group)]
    return "\n".join([f"| `{group}=` | what it means |", "|---|---|", *rows])


def summary_table() -> str:
    """Every key of summary.json and what it holds."""
    rows = [f"| `{key}` | {what} |" for key, what in SUMMARY_KEYS.items()]
    return "\n".join(["| key of summary.json | what it holds |", "|---|---|", *rows])


RESULTS = Path(__file__).parent / "bench" / "results"
NOTHING = "No result is committed yet."
UNMEASURED = (
    "No result is committed yet. `scripts/bench/results/smoke-*.json` are runs of an epoch on a few photos:\n"
    "they show that every row runs and that losses are equal, and nothing of speed."
)


def newest(folder: Path, pattern: str) -> tuple[Path, dict[str, Any]] | None:
    """The result file that was measured last, by the date in it, and its content; None without one."""
    found = [(path, json.loads(path.read_text(encoding="utf-8"))) for path in folder.glob(pattern)]
    return max(found, key=lambda pair: (pair[1]["date"], pair[0].name), default=None)


def benchmark_table() -> str:
    """What `scripts.bench.frozen` measured, with the processor it ran on."""
    return _table(newest(RESULTS, "frozen-*.json"), markdown, caption, UNMEASURED)


def cost_table() -> str:
    """What `scripts.bench.cost` measured last."""
    return _table(newest(RESULTS, "cost-*.json"), cost.table, cost.caption)


def fisher_table() -> str:
    """What `scripts.bench.fisher` measured last."""
    found = newest(RESULTS, "fisher-*.json")
    return _table(found, lambda result: fisher.table(result["cases"]), fisher.caption)


def frechet_table() -> str:
    """What `scripts.bench.frechet` measured last."""
    found = newest(RESULTS, "frechet-*.json")
    return _table(found, lambda result: frechet.table(result["cases"]), frechet.caption)


FORGETTING = Path(__file__).parent / "forgetting" / "results"


def forgetting_table() -> str:
    """What `scripts.forgetting.tradeoff` measured last, and its plot."""
    found = newest(FORGETTING, "ants_bees-*.json")
    if found is None:
        return NOTHING
    path, result = found
    picture = path.with_suffix(".svg").relative_to(README.parent).as_posix()
    plot = f"![what is known still over what was learned]({picture})"
    return "\n\n".join([forgetting.markdown(result), plot, forgetting.caption(result)])


REPRODUCTION = Path(__file__).parent / "reproduction" / "results"


def reproduction_table() -> str:
    """What `scripts.reproduction.reproduce` measured last."""
    return _table(newest(REPRODUCTION, "mnist-*.json"), reproduction.markdown, reproduction.caption)


ANSWERS = Path(__file__).parent / "answers" / "results"


def answers_table() -> str:
    """What `scripts.answers.ask` was answered last."""
    return _table(newest(ANSWERS, "answers-*.json"), answers.markdown, answers.caption)


def _table(
    found: tuple[Path, dict[str, Any]] | None,
    rows: Callable[[dict[str, Any]], str],
    below: Callable[[dict[str, Any]], str],
    otherwise: str = NOTHING,
) -> str:
    return otherwise if found is None else f"{rows(found[1])}\n\n{below(found[1])}"


TABLES: dict[str, Callable[[], str]] = {
    "strategies": lambda: group_table("strategy"),
    "models": lambda: group_table("model"),
    "data": lambda: group_table("data"),
    "tasks": lambda: group_table("task"),
    "regularizers": lambda: group_table("regularizer"),
    "sequences": lambda: group_table("sequence"),
    "summary": summary_table,
    "forgetting": forgetting_table,
    "reproduction": reproduction_table,
    "answers": answers_table,
    "benchmark": benchmark_table,
    "cost": cost_table,
    "fisher": fisher_table,
    "frechet": frechet_table,
}


def filled(text: str) -> str:
    """README's text with every table made anew."""
    for name, make in TABLES.items():
        before, opening, rest = text.partition(f"<!-- {name} -->\n")
        _, closing, after = rest.partition(f"<!-- /{name} -->")
        if not (opening and closing):
            raise SystemExit(f"README.md has no place for the table {name!r}")
        text = f"{before}{opening}{make()}\n{closing}{after}"
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)
