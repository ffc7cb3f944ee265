"""The config of a run, and a second copy of it that tells of an edit by hand."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tlx.composition.resolve import differences, from_yaml, to_yaml
from tlx.errors import ConfigError
from tlx.run.directory import shown, write_text

__all__ = ["begun_config", "settle_config", "told_of_an_edit", "write_config"]

CONFIG = "config.yaml"

COPY = ".config.yaml"
"""What the run was begun with, or last changed to; config.yaml is for people, who may edit it."""


def write_config(run: Path, config: Mapping[str, Any] | str) -> None:
    """Write down what a run is trained with from now on.

    The copy comes first: a kill between the two leaves no run, or an edit that is undone.

    Args:
        run: Its directory.
        config: Plain values, or their text.
    """
    text = config if isinstance(config, str) else to_yaml(config)
    write_text(run / COPY, text)
    write_text(run / CONFIG, text)


def begun_config(run: Path) -> dict[str, Any]:
    """What a run was begun with or last changed to, whatever config.yaml says by now.

    Of runs of before there was a copy, config.yaml is all there is.

    Raises:
        ConfigError: The file is no config.
    """
    return from_yaml(run / (COPY if (run / COPY).is_file() else CONFIG))


def settle_config(run: Path, config: Mapping[str, Any]) -> None:
    """Have both files say what a run goes on with, where one of them does not."""
    if not (run / COPY).is_file() or any(differences(from_yaml(run / CONFIG), config)):
        write_config(run, config)


@contextlib.contextmanager
def told_of_an_edit(run: Path) -> Iterator[None]:
    """Where a config is refused that somebody wrote into config.yaml, say where it comes from."""
    try:
        yield
    except ConfigError as error:
        copy, config = run / COPY, run / CONFIG
        if not copy.is_file() or copy.read_bytes() == config.read_bytes():
            raise
        raise ConfigError(
            error.what,
            f"and {shown(config)} was edited since",
            f"{error.fix}; cp {shown(copy)} {shown(config)} undoes the edit",
        ) from error
