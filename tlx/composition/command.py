"""From a config back to the words of a command line that composes it."""

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

from tlx.command_line import command_line
from tlx.composition.compose import compose
from tlx.composition.groups import ALSO, SOURCE, choices, conf_folder
from tlx.composition.resolve import differences, open_keys
from tlx.errors import ConfigError

__all__ = ["asked_by", "command_words", "quoted", "reads_as_text"]

OF_DATA = (SOURCE, ALSO)
"""Nodes that are chosen in the folder of data."""

GROUPS = (
    "model", "data", *OF_DATA, "sequence", "strategy", "task", "optimizer", "cache", "trainer", "logger"
)  # fmt: skip
"""The nodes that are one choice each; those without a choice are None."""

DERIVED = "names"
"""What says the choices for people, and is made from them."""

ROUNDS = 3
"""In which keys are added until the words compose the config: a word may bring others along."""


def asked_by(verb: str, config: Mapping[str, Any], trust: Sequence[str] = ()) -> str:
    """The command line that asks the same again; empty where words cannot say it.

    Args:
        verb: A primary config of `conf/`.
        config: Of the verb, complete, with plain values.
        trust: Packages that the person trusts.
    """
    try:
        return command_line(verb, command_words(config, verb, trust))
    except ConfigError:  # a node of somebody's own, which no choice builds
        return ""


def command_words(config: Mapping[str, Any], verb: str = "fit", trust: Sequence[str] = ()) -> list[str]:
    """The overrides of a verb that compose a config; choices that are the default ones are left out.

    Args:
        config: Of the verb, complete, with plain values.
        verb: A primary config of `conf/`.
        trust: Packages that the person trusts, which no config holds.

    Raises:
        ConfigError: No choice of `conf/` builds a node of it, or words cannot say all of it.
    """
    wanted = {key: value for key, value in config.items() if key != DERIVED and value is not None}
    words = [*_chosen(wanted, verb), *_regularizers(wanted)]
    if config["seed"] != _primary(verb)["seed"]:
        words.append(f"seed={config['seed']}")
    for _ in range(ROUNDS):
        left = [*_left(words, wanted, verb)]
        if not left:
            return sorted(words, key=_place) + ([f"trust=[{','.join(trust)}]"] if trust else [])
        words += [word for word in left if word not in words]
    raise ConfigError(f"no words of a command line compose it: {left[0]} is left", fix="its config.yaml")


def reads_as_text(text: str) -> bool:
    """Whether Hydra reads text without quotes as the same text.

    >>> [reads_as_text(text) for text in ("layer3", "/data/photos", "10", "true", "a b")]
    [True, True, False, False, False]
    """
    reserved = text.lower() in ("null", "true", "false", "nan", "inf")
    return re.fullmatch(r"/?[A-Za-z_][\w./-]*", text) is not None and not reserved


def quoted(value: Any, bare: Callable[[str], bool] = reads_as_text) -> str:
    """A value in Hydra's grammar, references to other keys kept.

    >>> quoted(["a b", "1", 1e-5, None, True, "layer3"])
    "['a b','1',1e-05,null,true,layer3]"

    Args:
        value: Plain.
        bare: Which texts need no quotes.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(quoted(item, bare) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}: {quoted(item, bare)}' for key, item in value.items())}}}"
    text = str(value)
    return text if isinstance(value, int | float) or "${" in text or bare(text) else _in_quotes(text)


def _in_quotes(text: str) -> str:
    r"""Text in Hydra's single quotes, where a backslash stands for itself but before a quote and at the end.

    >>> print(_in_quotes("it's C:\\new\\"))
    'it\'s C:\new\\'
    """
    return "'" + re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), text) + "'"


def _place(word: str) -> int:
    """Words of one node stand together, its choice first."""
    key = word.lstrip("+").partition("=")[0].replace("@", ".").split(".")
    named = next((node for node in OF_DATA if key[:2] == ["data", node]), key[0])
    return GROUPS.index(named) if named in GROUPS else len(GROUPS)


def _chosen(wanted: Mapping[str, Any], verb: str) -> Iterator[str]:
    for node in GROUPS:
        if isinstance(wanted.get(node), Mapping):
            yield from _of_node(node, wanted[node], verb)


def _of_node(where: str, node: Mapping[str, Any], verb: str) -> Iterator[str]:
    """The choice of a node, the keys that it leaves open, and the sources that it is made of."""
    outermost, *inside = where.split(".")
    group = "data" if outermost in OF_DATA else outermost
    near = dict(_near(group, node))
    if not near:
        raise ConfigError(f"no choice of conf/{group} builds {node.get('_target_')}")
    choice = min(near, key=lambda name: near[name])
    if inside or group != outermost or choice != _defaults(verb).get(outermost):
        yield f"{outermost if group == outermost and not inside else f'{group}@{where}'}={choice}"
    for key in open_keys(_file(group, choice)):
        value: Any = node
        for part in key.split("."):
            value = value[part]
        yield f"{where}.{key}={quoted(value)}"
    inner = node.get("of")
    if isinstance(inner, Mapping) and "_target_" in inner:
        yield from _of_node(f"{where}.of", inner, verb)


def _near(group: str, node: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Choices that build the same thing, each with how many keys differ."""
    for choice in choices(group):
        own = _file(group, choice)
        if own.get("_target_") == node.get("_target_"):
            yield choice, sum(node.get(key) != value for key, value in own.items())


def _regularizers(wanted: Mapping[str, Any]) -> list[str]:
    names = list(wanted.get("regularizer") or {})
    return [f"regularizer={quoted(names) if len(names) > 1 else names[0]}"] if names else []


def _left(words: list[str], wanted: Mapping[str, Any], verb: str) -> Iterator[str]:
    """What the words do not compose yet, as further words."""
    found = compose(verb, words).config
    composed = {key: value for key, value in found.items() if key != DERIVED and value is not None}
    for key, _, theirs in differences(composed, wanted):
        node: Any = composed
        for part in key.split(".")[:-1]:
            node = node[part]
        is_new = key.rpartition(".")[2] not in node and "." in key
        yield f"{'+' if is_new else ''}{key}={quoted(theirs)}"


@functools.cache
def _file(group: str, choice: str) -> Mapping[str, Any]:
    """What the file of a choice says itself."""
    plain: Any = OmegaConf.to_container(OmegaConf.load(conf_folder() / group / f"{choice}.yaml"))
    return {str(key): value for key, value in plain.items() if key != "defaults"}


@functools.cache
def _primary(verb: str) -> Mapping[str, Any]:
    """What a primary config says, and the one that it is made on."""
    node: Any = OmegaConf.to_container(OmegaConf.load(conf_folder() / f"{verb}.yaml"))
    plain: dict[str, Any] = dict(node)
    made_on = [entry for entry in plain["defaults"] if isinstance(entry, str) and entry != "_self_"]
    found: dict[str, Any] = {"defaults": []}
    for name in made_on:
        found |= _primary(name)
    return found | plain | {"defaults": [*found["defaults"], *plain["defaults"]]}


def _defaults(verb: str) -> dict[str, str]:
    """The choices that a verb makes by itself."""
    entries = [entry for entry in _primary(verb)["defaults"] if isinstance(entry, dict)]
    return {str(key): str(value) for entry in entries for key, value in entry.items()}
