"""The command line of verbs that take a path: PATHS, then key=value."""

from collections.abc import Mapping, Sequence

from tlx.errors import ConfigError

__all__ = ["read_words", "trusted"]


def read_words(
    argv: Sequence[str], verb: str, least: int = 1, most: int | None = None
) -> tuple[list[str], dict[str, str]]:
    """Divide a command line into paths and options.

    A word is an option where a key stands before its first `=`; a path that looks so is
    written with `./`.

    Args:
        argv: The words after the verb.
        verb: For messages.
        least: Paths at least.
        most: Paths at most; None: any number.

    Raises:
        ConfigError: A flag, or too few or too many paths.
    """
    paths: list[str] = []
    options: dict[str, str] = {}
    for word in argv:
        key, equals, value = word.partition("=")
        if word.startswith("-"):
            raise ConfigError(f"tlx {verb} has no flag {word}", fix="options are keys: key=value")
        if equals and key.lstrip("+").replace(".", "").replace("_", "").isalnum():
            options[key] = value
        else:
            paths.append(word)
    if len(paths) < least:
        raise ConfigError(f"tlx {verb} needs a path", fix=f"tlx {verb} RUN, a folder that tlx fit made")
    if most is not None and len(paths) > most:
        raise ConfigError(
            f"tlx {verb} takes one path, not {' and '.join(paths[:3])}", fix=f"tlx {verb} {paths[0]}"
        )
    return paths, options


def trusted(options: Mapping[str, str]) -> tuple[str, ...]:
    """The packages of `trust=[a,b]`."""
    names = options.get("trust", "").strip("[]")
    return tuple(name.strip() for name in names.split(",") if name.strip())
