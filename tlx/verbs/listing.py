"""`tlx list`: every choice of every group, and what is known of one of them."""

from collections.abc import Sequence

from tlx.composition.groups import arguments, choices, groups, meaning, package
from tlx.errors import ConfigError, unknown_name

__all__ = ["USAGE", "listing"]

USAGE = """\
tlx list [GROUP]: what can be chosen, one line each. GROUP is one of
model(s), data, strategy (strategies), task(s), optimizer(s), cache, trainer(s), logger(s), regularizer(s).
tlx list cache: also what is kept of frozen parts and of Fisher informations; with clear=true, all of it goes.
tlx list GROUP=CHOICE: every argument of one choice with its default and what it means; of a model
its parameters, stages, preprocessing and weights as well: tlx list model=torchvision model.name=resnet34
"""


def listing(argv: Sequence[str]) -> None:
    """Print the choices of one group or of all, or all that is known of one choice."""
    if argv and "=" in argv[0]:
        _details(argv)
        return
    if argv and argv[0] == "cache":
        _cache(argv[1:])
        return
    if len(argv) > 1 or any("=" in word for word in argv):
        raise ConfigError("tlx list takes one group, or one choice", fix="tlx list models")
    for group in [_group(argv[0])] if argv else groups():
        if not argv:
            print(f"{group}=")  # noqa: T201
        _print_choices(group)


def _cache(options: Sequence[str]) -> None:
    from tlx.verbs.cache_details import cache_details

    if not options:
        _print_choices("cache")
    print(cache_details(options))  # noqa: T201


def _print_choices(group: str) -> None:
    found = choices(group)
    width = max(map(len, found))
    for choice in found:
        print(f"  {choice:{width}}  {meaning(group, choice)}".rstrip())  # noqa: T201


def _details(argv: Sequence[str]) -> None:
    word, _, choice = argv[0].partition("=")
    group = _group(word)
    others = [
        other for other in argv[1:] if not (group == "model" and other.startswith(("model.", "trust=")))
    ]
    if others:
        raise ConfigError(
            f"{others[0]!r} says nothing of {group}={choice}",
            fix=f"tlx list {group}={choice}" + (" model.name=NAME" if group == "model" else ""),
        )
    own = arguments(group, choice)
    node = f"{package(group, choice)}.".removeprefix(".")
    rows = [
        (f"{node}{key}={value}", comment) if value != "???" else (f"{node}{key}=", f"to be given: {comment}")
        for key, value, comment in own
    ]
    print(f"{group}={choice}: {meaning(group, choice)}")  # noqa: T201
    if group == "model":
        from tlx.verbs.model_details import model_details

        print(f"\n{model_details(choice, argv[1:])}")  # noqa: T201
    if rows:
        print("\narguments, with their defaults")  # noqa: T201
    width = min(max((len(setting) for setting, _ in rows), default=0), 40)
    for setting, comment in rows:
        print(f"  {setting:{width}}  {comment}".rstrip())  # noqa: T201


def _group(word: str) -> str:
    """The group that a word means, in singular or plural."""
    plurals = {f"{name[:-1]}ies" if name.endswith("y") else f"{name}s": name for name in groups()}
    found = plurals.get(word, word)
    if found not in groups():
        raise unknown_name("group", word, [*groups(), *plurals])
    return found
