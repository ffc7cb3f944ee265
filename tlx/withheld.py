"""What the environment lends a run is in none of its files: its reference stands in its place.

A config keeps `${oc.env:NAME}` where a value comes from the environment. Once the value is filled
in for building, it could be repeated by an error, a traceback or a recipe.
"""

import html
import json
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

__all__ = ["SECRET", "USER_INFO", "withheld", "withhold", "without_withheld"]

SECRET = re.compile(
    r"(^|_|-)(token|password|passwd|passphrase|pwd|secret|api_?key|access_?key|private_?key|auth|credential)s?$"
    r"|[a-z](?-i:Token|Password|Passphrase|Secret|ApiKey|AccessKey|PrivateKey|Credential)s?$",
    re.I,
)
"""Ends a name that a secret goes by."""

USER_INFO = re.compile(r"(https?)?://(?P<user>[^/?#\s@:]*)(?::(?P<password>[^/?#\s@]*))?@")
"""A user and perhaps a password in an address."""

WORD = re.compile(r"[A-Za-z_/]*|[-+.\deE]*")
"""A value so plain that it also is a word of every other file: a name, a number."""

LEAST = 6
LEAST_OF_A_SECRET = 3

PART = "***"
"""Stands for a part of a value, such as the password in an address."""

_withheld: dict[str, str] = {}
"""What must not be written, and what stands in its place; the longest first."""


def withhold(name: str, value: str, secret: bool = False) -> None:
    """Keep a variable's value out of every file from here on.

    Words, numbers and what is shorter than 6 characters are no secrets, unless a name says so.

    Args:
        name: Of the variable.
        value: What the environment holds.
        secret: Whether the key that takes it names a secret.
    """
    reference = f"${{oc.env:{name}}}"
    secret = secret or SECRET.search(name) is not None
    found = USER_INFO.search(value)
    if found and found["password"]:
        _keep(found["password"], PART)
    if len(value) >= (LEAST_OF_A_SECRET if secret else LEAST) and (secret or not WORD.fullmatch(value)):
        _keep(value, reference)


def withheld(text: str) -> str:
    """A text with the references in the place of the values, however they are written.

    >>> withhold("DOOR", "open-5esame")
    >>> withheld("cannot find /srv/open-5esame")
    'cannot find /srv/${oc.env:DOOR}'
    """
    for value, reference in _withheld.items():
        text = text.replace(value, reference)
    return text


def without_withheld(value: Any) -> Any:
    """Plain values, nested as they may be, with every text in them as `withheld` gives it; keys stay."""
    if isinstance(value, str):
        return withheld(value)
    if isinstance(value, Mapping):
        return {key: without_withheld(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_withheld(inner) for inner in value]
    return value


def with_environment(text: str) -> str:
    """A text with the values in the place of the references; of variables that are set.

    What is filled in is withheld as well.
    """

    def value(found: re.Match[str]) -> str:
        held = os.environ.get(found[1])
        if held is None:
            return found[0]
        withhold(found[1], held)
        return held

    return re.sub(r"\$\{oc\.env:(\w+)\}", value, text)


def _keep(value: str, reference: str) -> None:
    forms = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    forms |= {html.escape(value), quote(value), quote(value, safe=""), " ".join(value.split())}
    known = {form: said for form, said in _withheld.items() if said != PART}
    everything = _withheld | dict.fromkeys(forms, reference) | known
    _withheld.clear()
    _withheld.update(sorted(everything.items(), key=lambda item: -len(item[0])))
