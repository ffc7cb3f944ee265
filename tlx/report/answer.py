"""The page of an answer: a headline, what speaks for it, and what was asked. One design for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tlx.report.document import render, write_text
from tlx.report.formats import label

__all__ = ["Column", "Section", "Table", "command_of", "facts_of", "write_answer"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        title: What it holds.
        number: Whether it is set to the right.
    """

    title: str
    number: bool = True


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows.

    Args:
        columns: The first one for the names.
        rows: Text of each cell; it is escaped.
        caption: What all of it shares.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Args:
        title: Its heading.
        plots: Each a drawing of `tlx.report.canvas.draw`.
        tables: Below the drawings.
        notes: Below the tables: how it was measured, and what it does not say.
    """

    title: str
    plots: Sequence[Markup] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()


def write_answer(
    folder: Path,
    *,
    kicker: str,
    title: str,
    headline: str,
    sentences: Sequence[str],
    sections: Sequence[Section],
    facts: Sequence[tuple[str, str]],
    warnings: Sequence[str] = (),
    command: str = "",
) -> Path:
    """Write report.html of an answer.

    Args:
        folder: Where the answer lies.
        kicker: The kind of the page, small above the title.
        title: Who is asked about what.
        headline: The answer in a word or a number.
        sentences: What it means; the first one is set larger.
        sections: What speaks for it.
        facts: What was asked, each a term and its value.
        warnings: What makes it less than it looks.
        command: What to type next, below the sentences.
    """
    page = render(
        "answer.html.jinja",
        kicker=kicker,
        title=label(title, 200),
        headline=headline,
        sentences=sentences,
        sections=sections,
        facts=facts,
        warnings=warnings,
        command=command,
    )
    return write_text(folder / "report.html", page)


def facts_of(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What all answers were asked about."""
    versions = ", ".join(f"{name} {number}" for name, number in (result.get("versions") or {}).items())
    named = [("Model", label(result["model"])), ("Data", label(result["data"]))]
    return [*named, ("Seed", str(result["seed"])), ("Versions", versions), *command_of(result)]


def command_of(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The command that asks the same again, as a fact; none of answers that do not hold one.

    Args:
        result: Of an answer or a sequence.
    """
    said = str(result.get("command") or "")
    return [("Asked by", Markup("<code>{}</code>").format(said))] if said else []
