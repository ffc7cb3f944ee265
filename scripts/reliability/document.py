"""RELIABILITY.md, from the figures that were measured."""

from collections.abc import Callable, Mapping
from typing import Any

from scripts.reliability.rows import ROWS

__all__ = ["document"]

HEAD = """\
# Reliability

What is written here was measured by `python -m scripts.faults`; the figures with their seeds, dates and
versions are in [scripts/reliability/results.json](scripts/reliability/results.json), and a small share of
each is in the test suite.

| promise | measured | how |
|---|---|---|
"""

TAIL = """
## What is not promised

* Bits are equal on the same kind of machine with the same versions of torch and the same number of threads
  and ranks. Another number of threads, ranks or another processor may differ in the last bits, and what
  follows from them; the versions and threads of a run are in its summary.json.
* A resume on another number of devices reads the samples in the same order; its sums are other ones.
* Deterministic kernels are asked of torch on a GPU too, where not every operation has one. No GPU was at
  hand for the figures above.
* What a kill costs is the training since the last checkpoint: at most `trainer.checkpoint_seconds`, an
  epoch, or `trainer.checkpoint_steps`. A file system that says that data is on the disk where it is not can
  lose more.
* Contents of files are known by path, size and time of last change until they are read; an edit that keeps
  all three is not seen.
* Slurm's signals before a time limit were not tried.
"""


def document(figures: Mapping[str, Any]) -> str:
    """The page; a promise without a figure says so."""
    lines = [
        f"| {promise} | {told(figures[name]) if name in figures else 'not measured yet'} | {how} |"
        for promise, name, told, how in PROMISES
    ]
    kinds, table = _kinds(figures.get("kills")), _table(figures.get("rows"))
    return HEAD + "\n".join(lines) + "\n" + kinds + table + TAIL


def _same(found: Mapping[str, Any]) -> str:
    return f"**{found['bit_identical']} of {found['killed']}** ({found['date']})"


def _lost(found: Mapping[str, Any]) -> str:
    every = f"with a checkpoint every {found['checkpoint_every_batches']} optimizer steps"
    return f"mean {found['batches_lost_mean']}, worst {found['batches_lost_worst']} batches, {every}"


def _unusable(found: Mapping[str, Any]) -> str:
    elsewhere = f"{found['temporary_elsewhere']} with the temporary folder on another file system"
    return f"**{found['newest_unusable']} unusable of {found['killed']}** ({elsewhere}; {found['date']})"


def _found(found: Mapping[str, Any]) -> str:
    return f"**{found['detected']} of {found['flipped']}** ({found['date']})"


def _cost(found: Mapping[str, Any]) -> str:
    written = f"{found['seconds']} s and {found['bytes'] / 1e6:.0f} MB for {found['network']}"
    return f"{written}: {found['percent_of_a_minute']} % of a minute of training ({found['date']})"


def _rows(found: Mapping[str, Any]) -> str:
    return f"**{len(found['passed'])} of {len(ROWS)}** rows ({found['date']})"


PROMISES: tuple[tuple[str, str, Callable[[Mapping[str, Any]], str], str], ...] = (
    ("a run killed at a random batch and resumed ends in the same bits", "kills", _same, "`--kills 500`"),
    ("what a kill costs", "kills", _lost, "the same runs"),
    ("a kill inside the write of a checkpoint leaves the one before", "writes", _unusable, "`--writes 300`"),
    ("a flipped bit is found, and the checkpoint before is taken", "flips", _found, "`--flips 200`"),
    (
        "what a checkpoint costs, once a minute and at an epoch's end",
        "overhead",
        _cost,
        "`--overhead`",
    ),
    ("a fault is recovered from, or ends in its exit code and one line", "rows", _rows, "`--rows`"),
)


def _kinds(found: Mapping[str, Any] | None) -> str:
    if not found:
        return ""
    lines = [f"| `{kind}` | {same} of {killed} |" for kind, (same, killed) in found["by_kind"].items()]
    said = (
        "\nEach kind of run has something else with a state of its own: `full` a moving average and mixup,\n"
        "`gradual_unfreezing` plateaus that bring older weights back, `lp_ft` and `feature_extraction` the\n"
        "cache of the frozen part, `discriminative` accumulation and clipping. Before the kill and after it\n"
        "0, 1 or 2 processes load.\n"
    )
    return said + "\n| strategy | bit-identical ends |\n|---|---|\n" + "\n".join(lines) + "\n"


def _table(found: Mapping[str, Any] | None) -> str:
    passed = set(found["passed"]) if found else set()
    lines = [
        f"| {number} | {fault} | {'holds' if number in passed else 'not shown' if found else 'not run'} |"
        for number, (fault, _) in sorted(ROWS.items())
    ]
    return "\n## Faults\n\n| | fault | |\n|---|---|---|\n" + "\n".join(lines) + "\n"
