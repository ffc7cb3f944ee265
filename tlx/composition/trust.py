"""Packages that a person trusts: only they, beside tlx's own, may be named in a config or bundle."""

import os
import sys
from collections.abc import Iterable

from tlx.errors import ConfigError

__all__ = ["gives_trust", "importable"]


def gives_trust(word: str) -> bool:
    """Whether a word of the command line says whom to trust.

    >>> gives_trust("trust=[mine]"), gives_trust("+trust=mine"), gives_trust("data=trust")
    (True, True, False)
    """
    return word.lstrip("+").partition("=")[0].strip().partition(".")[0] == "trust"


def importable(trust: Iterable[str]) -> tuple[str, ...]:
    """The trusted packages, to be found in the current folder as well.

    A console script does not look there. The folder comes last on `sys.path`, so that nothing in
    it stands before an installed package, and only where something is trusted at all.

    Args:
        trust: Names of packages or modules, as given on the command line or in Python; what a
            run directory says of them is never read.

    Raises:
        ConfigError: A name is no name of a package.
    """
    names = (trust,) if isinstance(trust, str) else tuple(trust)
    for name in names:
        if not str(name).isidentifier():
            raise ConfigError(
                f"trust={list(names)} is not usable. Expected names of packages, without dots or slashes",
                fix="trust=[mypackage], a folder or a file mypackage.py here, or installed",
            )
    here = os.getcwd()
    if names and here not in sys.path:
        sys.path.append(here)
    return names
