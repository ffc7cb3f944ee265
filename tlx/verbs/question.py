"""What a question is asked about, and what it finds."""

import importlib
from pathlib import Path
from typing import Any

from tlx.composition.compose import Composed, compose
from tlx.errors import ConfigError
from tlx.verbs.makers import makers
from tlx.verbs.nodes import launched
from tlx.verbs.protocol import QUESTIONS, Found, Work

__all__ = ["prepared"]


def prepared(folder: Path, verb: str, composed: Composed) -> Work:
    """Build a question and refuse what cannot be asked, before there is a folder.

    Args:
        folder: Where the answer comes to lie, and the runs that it takes.
        verb: Which question.
        composed: Its config.

    Raises:
        ConfigError: It cannot be asked so.
    """
    from tlx.composition.arguments import read_arguments
    from tlx.composition.resolve import resolved
    from tlx.protocols.given import Given

    if launched():
        raise ConfigError(f"tlx {verb} is one process", fix=f"tlx {verb} without torchrun")
    kind = getattr(importlib.import_module(f"tlx.protocols.{verb}"), QUESTIONS[verb])
    settings = read_arguments(kind, resolved({verb: composed.config[verb]})[verb], verb)
    whole = compose("fit").config | {key: value for key, value in composed.config.items() if key != verb}
    question = kind(**settings)
    built = makers(composed.trust, quiet=True)
    given = Given(whole, folder, built, lambda line: print(line, flush=True))  # noqa: T201
    question.check(given)
    return lambda: _found(question, given, verb)


def _found(question: Any, given: Any, verb: str) -> Found:
    from tlx.conclusion import versions
    from tlx.data.node import data_named
    from tlx.protocols.plain import plain

    answer = question.answer(given)
    config = given.config
    data = data_named(config["data"], config["names"]["data"])
    about = {"model": config["names"]["model"], "data": data, "task": verb}
    about |= {"seed": config["seed"]}
    summary = about | plain(answer.figures()) | answer.texts()
    return Found(answer, about | plain(answer) | {"versions": versions()}, summary)
