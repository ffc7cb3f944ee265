"""`tlx report`: write the page of a run or of a sweep again, from its files alone."""

from collections.abc import Sequence
from pathlib import Path

from tlx.errors import CheckpointError, unknown_name
from tlx.run.directory import shown
from tlx.run.entries import refuse_links
from tlx.verbs.protocol import protocol_of
from tlx.verbs.protocol import write_page as write_page_of
from tlx.verbs.words import read_words

__all__ = ["USAGE", "report"]

USAGE = """\
tlx report RUN|SEQUENCE|ANSWER|SWEEP: write the page again: report.html. A sweep: its page
and its table as CSV, with mean and 95 % interval over seeds for each combination.
"""


def report(argv: Sequence[str]) -> None:
    """Write the page of a run that is there in any state, or that of a sweep."""
    (path,), options = read_words(argv, "report", least=1, most=1)
    if options:
        raise unknown_name("key of report", next(iter(options)), [])
    folder = Path(path)
    if (folder / "sweep.json").is_file():
        refuse_links(folder, depth=1)
        from tlx.report.sweep import write_sweep

        page, table = write_sweep(folder)
        print(f"page    {shown(page)}\ntable   {shown(table)}", flush=True)  # noqa: T201
        return
    verb = protocol_of(folder)
    if verb is not None:
        refuse_links(folder, depth=1)
        print(f"page    {shown(write_page_of(folder, verb))}", flush=True)  # noqa: T201
        return
    if not (folder / "config.yaml").is_file():
        raise CheckpointError(
            f"{path} is no run, sequence, answer or sweep", fix="a folder that tlx fit made"
        )
    refuse_links(folder)
    from tlx.report.page import write_page

    print(f"page    {shown(write_page(folder))}", flush=True)  # noqa: T201
