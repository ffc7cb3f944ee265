"""`tlx list`: every choice of every group, read from the files of `conf/`."""

from collections.abc import Sequence

from tlx.composition.groups import choices, groups, meaning
from tlx.errors import ConfigError, unknown_name

__all__ = ["USAGE", "listing"]

USAGE = """\
tlx list [GROUP]: what can be chosen, one line each. GROUP is one of
model(s), data, strategy (strategies), optimizer(s), trainer(s).
"""


def listing(argv: Sequence[str]) -> None:
    """Print the choices of one group, or of all."""
    if len(argv) > 1 or any("=" in word for word in argv):
        raise ConfigError("tlx list takes one group at most", fix="tlx list models")
    for group in [_group(argv[0])] if argv else groups():
        if not argv:
            print(f"{group}=")  # noqa: T201
        for choice in choices(group):
            print(f"  {choice:22} {meaning(group, choice)}".rstrip())  # noqa: T201


def _group(word: str) -> str:
    """The group that a word means, in singular or plural."""
    plurals = {f"{name[:-1]}ies" if name.endswith("y") else f"{name}s": name for name in groups()}
    found = plurals.get(word, word)
    if found not in groups():
        raise unknown_name("group", word, [*groups(), *plurals])
    return found
