"""Secrets: what a config may hold of them, which is a reference to the environment."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from tlx.errors import ConfigError
from tlx.withheld import SECRET, USER_INFO, withhold

__all__ = ["refuse_secret_words", "refuse_secrets", "withhold_environment"]

REFERENCE = re.compile(r"\$\{oc\.env:\s*['\"]?([^,}\s'\"]+)['\"]?\s*(,[^}]*)?\}")
TOKEN = re.compile(r"\b(hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|sk-[\w-]{20,}|AKIA[0-9A-Z]{16})\b")
"""How the tokens of some services look."""


def refuse_secrets(plain: Any, where: str = "") -> None:
    """Refuse a literal secret before it is written anywhere.

    A secret is what stands under a key that names one, the user or password in an address, and what
    looks like the token of a service.

    Args:
        plain: A config, or a part of it.
        where: The dotted key of that part.

    Raises:
        ConfigError: There is one; the message does not repeat it.
    """
    for name, value in _leaves(plain, where):
        key = re.sub(r"\[\d+\]", "", name).rpartition(".")[2]
        if value in (None, "") or isinstance(value, bool):
            continue
        text = str(value)
        defaults = "".join(_default(found[2]) for found in REFERENCE.finditer(text))
        literal = REFERENCE.sub("", text) + defaults
        if SECRET.search(key) and ("${" not in text or defaults):
            raise _refusal(name, "holds a secret as plain text", key)
        user = USER_INFO.search(literal)
        if user and (user["password"] or (user[1] and user["user"] and literal == text)):
            raise _refusal(name, "holds a user or password in an address", f"{key}_url")
        if TOKEN.search(literal):
            raise _refusal(name, "holds what looks like a token", f"{key}_token")


def refuse_secret_words(words: Iterable[str]) -> None:
    """Refuse a literal secret in an override, before Hydra or anything else sees it.

    Raises:
        ConfigError: There is one; the message does not repeat it.
    """
    for word in words:
        key, equals, text = word.lstrip("+~").partition("=")
        if not equals:
            continue
        key = key.rpartition("@")[2].replace("/", ".")
        for value in _values(word, text):
            refuse_secrets(value, key)


def withhold_environment(plain: Mapping[str, Any]) -> None:
    """Keep what a config takes from the environment out of every file."""
    for key, value in _leaves(plain, ""):
        for found in REFERENCE.finditer(value) if isinstance(value, str) else ():
            held = os.environ.get(found[1])
            if held:
                withhold(found[1], held, SECRET.search(key.rpartition(".")[2]) is not None)


def _values(word: str, text: str) -> Sequence[Any]:
    """What an override gives its key; every value of a sweep."""
    try:
        parsed = OverridesParser.create().parse_override(word)
        if parsed.is_sweep_override():
            return list(parsed.sweep_string_iterator())
        return [parsed.value()]
    except (HydraException, ValueError, TypeError):  # which Hydra says in its own words
        return [text]


def _leaves(plain: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(plain, Mapping):
        for key, value in plain.items():
            yield from _leaves(value, f"{where}.{key}" if where else str(key))
    elif isinstance(plain, list | tuple):
        for number, value in enumerate(plain):
            yield from _leaves(value, f"{where}[{number}]")
    else:
        yield where, plain


def _default(given: str | None) -> str:
    """What stands in a reference for a variable that is not set."""
    text = (given or "").lstrip(", ").strip()
    return "" if text in ("null", "''", '""') else text


def _refusal(name: str, what: str, key: str) -> ConfigError:
    variable = re.sub(r"\W", "_", key).upper()
    return ConfigError(
        f"{name} {what}, and a config is written into the run directory",
        fix=f"export {variable}=..., then {name}='${{oc.env:{variable}}}'",
    )
