"""RELIABILITY.md, from the figures that were measured."""

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
* What a kill costs is the training since the last checkpoint: at most `trainer.checkpoint_seconds`, an epoch,
  or `trainer.checkpoint_steps`. A file system that says that data is on the disk where it is not can lose more.
* Contents of files are known by path, size and time of last change until they are read; an edit that keeps all
  three is not seen.
* Slurm's signals before a time limit were not tried.
"""


def document(figures: dict[str, Any]) -> str:
    """The page; a promise without a figure says so."""
    lines = [_kills(figures.get("kills")), _lost(figures.get("kills")), _writes(figures.get("writes"))]
    lines += [_flips(figures.get("flips")), _overhead(figures.get("overhead")), _rows(figures.get("rows"))]
    return HEAD + "\n".join(lines) + "\n" + _kinds(figures.get("kills")) + _table(figures.get("rows")) + TAIL


def _line(promise: str, measured: str | None, how: str) -> str:
    return f"| {promise} | {measured or 'not measured yet'} | {how} |"


def _kills(found: dict[str, Any] | None) -> str:
    measured = found and f"**{found['bit_identical']} of {found['killed']}** ({found['date']})"
    return _line(
        "a run killed at a random batch and resumed ends in the same bits", measured, "`--kills 500`"
    )


def _lost(found: dict[str, Any] | None) -> str:
    measured = found and (
        f"mean {found['batches_lost_mean']}, worst {found['batches_lost_worst']} batches, with a checkpoint every "
        f"{found['checkpoint_every_batches']} optimizer steps"
    )
    return _line("what a kill costs", measured, "the same runs")


def _writes(found: dict[str, Any] | None) -> str:
    measured = found and (
        f"**{found['newest_unusable']} unusable of {found['killed']}** ({found['temporary_elsewhere']} with the "
        f"temporary folder on another file system; {found['date']})"
    )
    return _line("a kill inside the write of a checkpoint leaves the one before", measured, "`--writes 300`")


def _flips(found: dict[str, Any] | None) -> str:
    measured = found and f"**{found['detected']} of {found['flipped']}** ({found['date']})"
    return _line(
        "a flipped bit in a checkpoint is found, and the one before is taken", measured, "`--flips 200`"
    )


def _overhead(found: dict[str, Any] | None) -> str:
    measured = found and (
        f"{found['seconds']} s and {found['bytes'] / 1e6:.0f} MB for {found['network']}: "
        f"{found['percent_of_a_minute']} % of a minute of training ({found['date']})"
    )
    return _line(
        "what a checkpoint costs, at most once a minute and at each epoch's end", measured, "`--overhead`"
    )


def _rows(found: dict[str, Any] | None) -> str:
    measured = found and f"**{len(found['passed'])} of {len(ROWS)}** rows ({found['date']})"
    promise = "a fault ends with its exit code and at most three lines on the screen, or is recovered from"
    return _line(promise, measured, "`--rows`")


def _kinds(found: dict[str, Any] | None) -> str:
    if not found:
        return ""
    lines = [f"| `{kind}` | {same} of {killed} |" for kind, (same, killed) in found["by_kind"].items()]
    said = (
        "\nEach kind of run has something else with a state of its own: `full` a moving average and mixup, "
        "`gradual_unfreezing`\nplateaus that bring older weights back, `lp_ft` and `feature_extraction` the cache "
        "of the frozen part, `discriminative`\naccumulation and clipping. Before the kill and after it 0, 1 or 2 "
        "processes load.\n"
    )
    return said + "\n| strategy | bit-identical ends |\n|---|---|\n" + "\n".join(lines) + "\n"


def _table(found: dict[str, Any] | None) -> str:
    passed = set(found["passed"]) if found else set()
    lines = [
        f"| {number} | {fault} | {'holds' if number in passed else 'not shown' if found else 'not run'} |"
        for number, (fault, _) in sorted(ROWS.items())
    ]
    return "\n## Faults\n\n| | fault | |\n|---|---|---|\n" + "\n".join(lines) + "\n"
