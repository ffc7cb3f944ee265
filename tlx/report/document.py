"""From a template and its values to one HTML file that needs no other."""

import os
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tlx.report import formats

__all__ = ["render", "write_text"]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in formats.__all__:
        if callable(function := getattr(formats, name)):
            environment.filters[name] = function
    return environment


def render(template: str, **values: Any) -> str:
    """Fill in a template of tlx/report/templates; every value is escaped unless it is Markup."""
    return _environment().get_template(template).render(**values)


def write_text(path: Path, text: str) -> Path:
    """Write a whole file or none: a temporary beside it, flushed, then put in its place.

    A lone surrogate, which a file name on disk can hold and UTF-8 cannot, becomes a question mark.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(text.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
