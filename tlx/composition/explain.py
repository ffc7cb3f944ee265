"""Hydra's errors in one line, with the key or choice that was probably meant."""

import re
from collections.abc import Callable, Sequence

from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import OmegaConfBaseException

from tlx.composition.groups import SOURCE, arguments, choices, groups, package
from tlx.composition.secrets import refuse_secret_words
from tlx.errors import ConfigError, nearest, unknown_name

__all__ = ["EXPLAINED", "check_words", "explain"]

SCRATCH = "gain.scratch"
"""The key that takes arguments of `strategy=scratch`."""

OPEN = (SCRATCH, "model.net", "stage_rates")
"""Keys that take arguments of any name, each with a + in front."""

EXPLAINED = (HydraException, OmegaConfBaseException, OSError, ValueError)
"""What composing may raise that is the fault of an override or of a config."""


def explain(error: Exception, overrides: Sequence[str], known: Callable[[], Sequence[str]]) -> ConfigError:
    """The error in tlx's own words.

    Args:
        error: What Hydra or OmegaConf raised.
        overrides: What was given on the command line.
        known: Gives every key of the config; called only if it is needed.
    """
    text = str(error)
    if "Config group override must be a string" in text:
        return _no_choice(overrides)
    if isinstance(error, MissingConfigException):
        found = re.search(r"Could not (?:find|load) '([^']+)'", text)
        if found:
            return _unknown_choice(found.group(1))
    if isinstance(error, OverrideParseException):
        return _unreadable(error.override, text)
    if isinstance(error, ConfigCompositionException):
        return _composition(text, overrides, known)
    if isinstance(error, OmegaConfBaseException):
        key = getattr(error, "full_key", None)
        return ConfigError(_first(text), where=str(key) if key else "")
    return ConfigError(_first(text))


def check_words(overrides: Sequence[str]) -> None:
    """Refuse a word that is no `key=value`, with the group it is a choice of.

    A secret as plain text is refused here as well, before Hydra could repeat it.

    Raises:
        ConfigError: There is one.
    """
    refuse_secret_words(overrides)
    for word in overrides:
        if "=" in word or word.startswith("~"):
            _check_lists(word)
            continue
        group = next((group for group in groups() if word in choices(group)), None)
        key = nearest(word, groups())
        fix = f"{group}={word}" if group else f"{key}={choices(key)[0]}" if key else "key=value"
        raise ConfigError(f"{word!r} is not written as key=value", fix=fix)


def _check_lists(word: str) -> None:
    """Refuse a list of choices that names one twice, or nothing beside something."""
    key, _, value = word.lstrip("+").partition("=")
    if key not in groups():
        return
    for listed in re.findall(r"\[([^][]*)\]", value):
        named = [choice.strip(" '\"") for choice in listed.split(",")]
        if twice := next((choice for choice in named if named.count(choice) > 1), ""):
            others = ",".join(dict.fromkeys(named))
            raise ConfigError(
                f"{key}=[{listed}] names {twice} twice, and it has one place, {key}.{twice}",
                fix=f"{key}=[{others}]",
            )
        if "none" in named and len(named) > 1:
            others = ",".join(choice for choice in named if choice != "none")
            raise ConfigError(
                f"{key}=[{listed}] names none beside others", fix=f"{key}=[{others}], or {key}=none"
            )


def _composition(text: str, overrides: Sequence[str], known: Callable[[], Sequence[str]]) -> ConfigError:
    found = re.search(r"Could not override '([^']+)'|Could not delete from config. '([^']+)'", text)
    if found:
        key = found.group(1) or found.group(2)
        given = next((o for o in overrides if o.lstrip("+~").startswith(f"{key}=")), key)
        return _unknown_key(key, given.partition("=")[2], known())
    found = re.search(r"Ambiguous value for argument '([^=]+)=([^']+)'", text)
    if found:
        key, value = found.groups()
        return ConfigError(
            f"{key}={value} names several values for one run",
            fix=f"tlx fit -m {key}={value} for a sweep, or {key}=[{value}] for a list",
        )
    found = re.search(r"An item is already at '([^']+)'", text)
    if found:
        return ConfigError(
            f"+{found.group(1)} adds a key that exists", fix=f"{found.group(1)}=... without the +"
        )
    return ConfigError(_first(text))


def _unknown_key(key: str, value: str, known: Sequence[str]) -> ConfigError:
    parent, _, leaf = key.rpartition(".")
    if parent == SOURCE and not any(name.startswith(f"{SOURCE}.") for name in known):
        return ConfigError(f"no key {key!r} without a source", fix=f"data@{SOURCE}=folder {key}={value}")
    if parent == SCRATCH:
        taken = [name for name, *_ in arguments("strategy", "scratch")]
        if leaf not in taken:
            return unknown_name("argument of strategy=scratch", leaf, taken)
    if parent in OPEN and parent in known:
        return ConfigError(f"no key {key!r} yet", fix=f"+{key}={value}")
    beside = {name.rpartition(".")[2]: name for name in known if name.rpartition(".")[0] == parent}
    if parent and not beside and (found := _not_chosen(key, value, known)):
        return found
    elsewhere = [name for name in known if name.rpartition(".")[2] == leaf]
    inside = [name for name in elsewhere if parent and name.startswith(f"{parent}.")]
    close = nearest(leaf, beside)
    if inside:
        near = inside[0]
    elif close:
        near = beside[close]
    elif elsewhere:
        near = elsewhere[0]
    else:
        near = "" if beside and parent else nearest(key, known) or ""
    what = f"no key {key!r}"
    if parent and beside:
        what += f"; {parent} has {', '.join(name for name in beside if not name.startswith('_'))}"
    fix = f"{near}={value}" if near and value else near
    return ConfigError(what, fix=fix or "tlx fit --cfg job, which shows every key")


def _not_chosen(key: str, value: str, known: Sequence[str]) -> ConfigError | None:
    """The error of a key of a choice that is not made, and has a node of its own: `regularizer.ewc`."""
    group, _, rest = key.partition(".")
    if group not in groups():
        return None
    nodes = {choice: package(group, choice) for choice in choices(group)}
    own = {choice: node for choice, node in nodes.items() if node.startswith(f"{group}.")}
    meant = nearest(rest.partition(".")[0], own)
    if meant is None:
        return None
    chosen = [choice for choice, node in own.items() if node in known]
    listed = ",".join(dict.fromkeys([*chosen, meant]))
    fix = f"{group}=[{listed}]" if chosen else f"{group}={meant}"
    if key.startswith(f"{own[meant]}."):
        fix += f" {key}={value}"
    return ConfigError(f"no key {key!r}; chosen is {group}={','.join(chosen) or 'none'}", fix=fix)


def _no_choice(overrides: Sequence[str]) -> ConfigError:
    """Of a group, `null` is no choice; where it may be empty, it is so when the word is left out."""
    grouped = [word for word in overrides if word.lstrip("+").partition("=")[0].partition("@")[0] in groups()]
    word = next((each for each in grouped if each.endswith(("=null", "="))), "a word of a group")
    group = word.lstrip("+").partition("=")[0].partition("@")[0]
    listed = f"tlx list {group} shows the choices" if group in groups() else "tlx list shows the choices"
    return ConfigError(f"{word} names no choice", fix=f"leave it out for what it is by default; {listed}")


def _unknown_choice(path: str) -> ConfigError:
    group, _, choice = path.rpartition("/")
    if group not in groups():
        return unknown_name("config", path, groups())
    error = unknown_name(group, choice, choices(group))
    if error.fix:
        return ConfigError(error.what, fix=f"{group}={error.fix}")
    return ConfigError(error.what, fix=f"tlx list {group} says what each one means")


def _unreadable(override: str | None, text: str) -> ConfigError:
    given = override or _first(text)
    key, equals, value = given.partition("=")
    if equals:
        return ConfigError(
            f"{given!r} cannot be read: the value holds a character that needs quotes",
            fix=f"'{key}=\"{value}\"' (quotes inside quotes, so that the shell keeps the inner ones)",
        )
    return ConfigError(f"{given!r} is not written as key=value", fix="key=value")


def _first(text: str) -> str:
    return text.partition("\n")[0].rstrip(". ")
