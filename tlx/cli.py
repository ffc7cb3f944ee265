"""The command `tlx`: verbs, and the one place where an error becomes a line and a code.

Nothing heavy is imported here: `tlx --help` answers at once, and a verb loads what it needs.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from tlx.errors import ConfigError, nearest, unknown_name
from tlx.outcome import ending
from tlx.process.signals import stoppable

__all__ = ["VERBS", "main"]

VERBS = {
    "fit": ("tlx.verbs.fit:fit", "train a model on data by a strategy; -m for a sweep"),
    "plan": ("tlx.verbs.fit:plan", "print what fit would train, and train nothing"),
    "advise": ("tlx.verbs.protocol:advise", "what to do with a data set, why, and the command of it"),
    "distance": (
        "tlx.verbs.protocol:distance",
        "how far apart source and target are, beside the target itself",
    ),
    "fewshot": (
        "tlx.verbs.protocol:fewshot",
        "accuracy against labels per class, and where strategies cross",
    ),
    "gain": ("tlx.verbs.protocol:gain", "whether transfer helps: pre-trained against scratch, tuned alike"),
    "lr": ("tlx.verbs.protocol:lr", "which rates suit, and which layers gain from training"),
    "probe": ("tlx.verbs.protocol:probe", "what every stage of a frozen backbone tells of the classes"),
    "rank": ("tlx.verbs.protocol:rank", "which source model suits the data, by scores that need no training"),
    "sequence": ("tlx.verbs.protocol:sequence", "learn tasks one after another, and measure forgetting"),
    "doctor": ("tlx.verbs.doctor:doctor", "look at this machine, and with a config at what fit would do"),
    "test": ("tlx.verbs.test:test", "score a finished run on its test split, or on other data"),
    "predict": ("tlx.verbs.predict:predict", "classify files with a finished run"),
    "resume": ("tlx.verbs.resume:resume", "go on with a run or a sweep that was cut off"),
    "report": ("tlx.verbs.report:report", "write the page of a run or a sweep again"),
    "list": ("tlx.verbs.listing:listing", "show the models, strategies, data ... there are"),
}
"""Verb to the function that does it, and what it does."""

HYDRA_VERBS = (
    *("fit", "plan", "advise", "distance", "fewshot", "gain", "lr", "probe", "rank", "sequence", "doctor"),
)

USAGE = """\
tlx: what transfers, how to carry it over, and what it costs.

  tlx fit model=tiny data=digits strategy=gradual_unfreezing      train, and leave a page to look at
  tlx plan strategy=partial                                       what would train when, and how fast
  tlx fit -m strategy=full,feature_extraction seed=0,1,2          every combination, with its spread

Verbs
{verbs}

  tlx list          every choice of every group, one line each; tlx list model=resnet18: all of one
  tlx fit --help    every key of fit
  eval "$(tlx -sc install=bash)"   completion in this shell
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and give its exit code.

    Args:
        argv: Without the program's name; None: this process's own.
    """
    words = list(sys.argv[1:] if argv is None else argv)

    def work() -> None:
        with stoppable():
            _dispatch(words)

    code = ending(work)
    if "TORCHELASTIC_RUN_ID" in os.environ:
        _leave(code)
    return code


def _leave(code: int) -> NoReturn:
    """End one process of several at once: closing their group would wait for the others."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _dispatch(words: list[str]) -> None:
    verb, rest = (words[0], words[1:]) if words else ("--help", [])
    if verb in ("--help", "-h", "help"):
        print(USAGE.format(verbs=_verbs()), end="")  # noqa: T201
    elif verb == "--version":
        from importlib.metadata import version

        print(f"tlx {version('tlx')}")  # noqa: T201
    elif verb in ("-sc", "--shell-completion"):
        _complete(words)
    elif verb in VERBS:
        _do(verb, rest)
    elif "=" in verb:
        raise ConfigError(f"{verb!r} is an override, and the verb is missing", fix=f"tlx fit {verb}")
    else:
        error = unknown_name("verb", verb, VERBS)
        raise ConfigError(error.what, fix=f"tlx {nearest(verb, VERBS) or '--help'}")


def _do(verb: str, rest: list[str]) -> None:
    module, _, name = VERBS[verb][0].partition(":")
    if verb not in HYDRA_VERBS and any(word in ("--help", "-h") for word in rest):
        print(importlib.import_module(module).USAGE, end="")  # noqa: T201
        return
    getattr(importlib.import_module(module), name)(rest)


def _verbs() -> str:
    return "\n".join(f"  {verb:8} {what}" for verb, (_, what) in VERBS.items())


def _complete(words: list[str]) -> None:
    """Answer the shell: Hydra completes a verb's overrides, and never sees the verb."""
    line = os.environ.get("COMP_LINE", "")
    program, _, typed = line.partition(" ")
    verb, space, rest = typed.lstrip().partition(" ")
    if not any(word.startswith("query=") for word in words):
        _do("fit", words)
    elif not space:
        print(" ".join(name for name in VERBS if name.startswith(verb)))  # noqa: T201
    elif verb in HYDRA_VERBS:
        os.environ["COMP_LINE"] = f"{program} {rest}"
        _do(verb, words)
    elif verb == "list":
        from tlx.composition.groups import choices, groups

        known = [name for group in groups() for name in (group, *(f"{group}={c}" for c in choices(group)))]
        print(" ".join(name for name in known if name.startswith(rest.strip())))  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
