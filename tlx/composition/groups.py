"""The groups of `conf/` and what their choices mean, read from the files alone."""

import functools
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from tlx.errors import unknown_name

__all__ = [
    "ALSO",
    "SOURCE",
    "arguments",
    "choices",
    "conf_folder",
    "groups",
    "hint",
    "meaning",
    "package",
    "parts",
    "taken_by",
]


SOURCE = "source"
"""Where a second choice of data goes, `data@source=CHOICE`."""

ALSO = "also"
"""Where a set that is only measured on goes, `data@also=CHOICE`."""


@functools.cache
def conf_folder() -> Path:
    """Where the configs lie: `conf/` of a checkout, `tlx/conf` of an installed package."""
    return Path(str(importlib.import_module("tlx.conf").__file__)).parent


def groups() -> list[str]:
    """The names of the groups, sorted."""
    found = [path.name for path in conf_folder().iterdir() if path.is_dir() and list(path.glob("*.yaml"))]
    return sorted(found)


def taken_by(verb: str) -> set[str]:
    """The groups that a verb takes a choice of: those of its primary config, and of what that is made on."""
    found: set[str] = set()
    block = _defaults((conf_folder() / f"{verb}.yaml").read_text(encoding="utf-8"))
    for name, chosen in re.findall(r"^\s*- (\w+)(?:@\w+)?(:?)", block, re.M):
        if chosen:
            found.add(name)
        elif name != "_self_":
            found |= taken_by(name)
    return found


def choices(group: str) -> list[str]:
    """The choices of a group, sorted; files that other choices of the group build on are left out.

    Raises:
        ConfigError: There is no such group.
    """
    if group not in groups():
        raise unknown_name("group", group, groups())
    return sorted(path.stem for path in _files(group) if path.stem not in parts(group))


def parts(group: str) -> set[str]:
    """The files of a group that only serve as a part of its choices."""
    named: set[str] = set()
    for path in _files(group):
        named |= set(re.findall(r"^\s*- (\w+)\s*$", _defaults(path.read_text(encoding="utf-8")), re.M))
    return named - {"_self_"}


def meaning(group: str, choice: str) -> str:
    """What a choice means: the first comment line of its file, after the lines that speak to Hydra."""
    lines = (conf_folder() / group / f"{choice}.yaml").read_text(encoding="utf-8").splitlines()
    first = next((line for line in lines if not line.startswith("# @")), "")
    return first.lstrip("# ").rstrip() if first.startswith("#") else ""


def hint(group: str, choice: str, key: str) -> str:
    """The comment beside or above a key in a choice's file, or in a part that it builds on."""
    name = re.escape(key)
    for stem in (choice, *sorted(parts(group))):
        path = conf_folder() / group / f"{stem}.yaml"
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        found = re.search(rf"^\s*{name}:.*?#\s*(.+)$", text, re.M) or re.search(
            rf"^\s*#\s*(.+)\n\s*{name}:", text, re.M
        )
        if found:
            return found.group(1).strip()
    return ""


def package(group: str, choice: str) -> str:
    """The node of a config that a choice fills, as a dotted key; empty: all of it.

    >>> package("strategy", "full"), package("regularizer", "ewc"), package("experiment", "split_mnist")
    ('strategy', 'regularizer.ewc', '')
    """
    found = re.match(r"# @package (\S+)", _text(group, choice))
    return group if found is None else found.group(1).replace("_global_", "")


def arguments(group: str, choice: str) -> list[tuple[str, str, str]]:
    """Every argument of a choice, its own first: the key below its `package`, the default, the comment.

    Raises:
        ConfigError: There is no such group or choice.
    """
    if choice not in choices(group):
        raise unknown_name(group, choice, choices(group))
    text = _text(group, choice)
    built_on = [name for name in re.findall(r"- (\w+)", _defaults(text)) if name in parts(group)]
    return [row for part in (text, *(_text(group, stem) for stem in built_on)) for row in _rows(part)]


def _text(group: str, stem: str) -> str:
    return (conf_folder() / group / f"{stem}.yaml").read_text(encoding="utf-8")


def _rows(text: str) -> Iterator[tuple[str, str, str]]:
    above, nodes = "", [(-1, "")]
    for line in text.splitlines()[1:]:
        found = re.match(r"( *)(\w+): *(.*?)(?: +# *(.+))?$", line)
        if line.lstrip().startswith("#") or not found:
            above = line.strip("# ")
            continue
        indent, key, value, beside = found.groups()
        while nodes[-1][0] >= len(indent):
            nodes.pop()
        name = f"{nodes[-1][1]}{key}"
        if not value:
            nodes.append((len(indent), f"{name}."))
        elif key != "_target_" or value == "???":
            yield name, value, beside or above
        above = ""


def _files(group: str) -> list[Path]:
    return sorted((conf_folder() / group).glob("*.yaml"))


def _defaults(text: str) -> str:
    block = re.search(r"^defaults:\s*\n((?:\s+-.*\n?)+)", text, re.M)
    inline = re.search(r"^defaults: *\[(.*)\]", text, re.M)
    if inline:
        return "\n".join(f"- {name.strip()}" for name in inline.group(1).split(","))
    return block.group(1) if block else ""
