"""From overrides to one config of plain values; the rooms below never see Hydra."""

import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict

from tlx.composition import resolve
from tlx.composition.explain import EXPLAINED, check_words, explain
from tlx.composition.groups import ALSO, SOURCE, conf_folder, hint
from tlx.composition.hydra_settings import check_hydra_settings
from tlx.composition.secrets import refuse_secrets
from tlx.composition.sources import without_loading
from tlx.composition.top_level import foreign_key, read_by
from tlx.composition.trust import gives_trust
from tlx.errors import ConfigError, SecurityError, bad_value, nearest

__all__ = [
    "Composed",
    "check_hydra",
    "compose",
    "digest",
    "explained",
    "from_hydra",
    "known_keys",
    "plain_stem",
]

VERSION_BASE = "1.3"
GROUPS_OF_THE_NAME = ("model", "data", "strategy")
DATA_SETS = "data_sets"


@dataclass(frozen=True)
class Composed:
    """A complete config.

    Args:
        config: What is saved: plain values, references to the environment kept. `names`
            holds the chosen model, data and strategy for people.
        trust: Packages the person trusts; never saved.
        run_dir: Where the run is wished to live; None: a place made from the config.
        sweep_dir: The same for the jobs of a sweep.
        measure: Whether a plan shall be measured; fit does not know the word.
    """

    config: dict[str, Any]
    trust: tuple[str, ...] = ()
    run_dir: str | None = None
    sweep_dir: str | None = None
    measure: bool = False

    @property
    def stem(self) -> str:
        """The readable part of the run's name."""
        return plain_stem([*self.config["names"].values(), f"seed{self.config['seed']}"])

    @property
    def name(self) -> str:
        """The run's name: the same for the same config, on any day."""
        return f"{self.stem}-{digest(self.config)}"

    def resolved(self) -> dict[str, Any]:
        """The config with the environment filled in, for building."""
        return resolve.resolved(self.config)


def compose(verb: str, overrides: Sequence[str] = (), folders: Sequence[str] = ()) -> Composed:
    """Compose the config of a verb.

    Args:
        verb: A primary config of `conf/`: fit or plan.
        overrides: As on the command line.
        folders: Further folders of configs, searched first.

    Raises:
        ConfigError: An override names something that does not exist, or a value is open.
    """
    check_words(overrides)
    try:
        config = _hydra(verb, overrides, folders)
    except EXPLAINED as error:
        raise explained(error, verb, overrides, folders) from error
    choices = dict(config.hydra.runtime.choices)
    with open_dict(config):
        del config["hydra"]
    return from_hydra(config, choices, overrides, verb)


def from_hydra(
    config: DictConfig,
    choices: Mapping[str, Any] | None = None,
    words: Sequence[str] = (),
    verb: str = "fit",
) -> Composed:
    """Turn what Hydra composed into plain values.

    Args:
        config: Without Hydra's own node.
        choices: The choice of each group; those and the words are the running app's where omitted.
        words: The overrides it was composed from.
        verb: The primary config, whose own keys may stand beside those of fit.

    Raises:
        ConfigError: A value is open, a group has no one choice, or a key is one that nothing reads.
        SecurityError: A file, not the command line, says whom to trust.
    """
    _refuse_unread(config, verb)
    if choices is None:
        choices, words = HydraConfig.get().runtime.choices, HydraConfig.get().overrides.task
    chosen = dict(choices)
    for group in GROUPS_OF_THE_NAME:
        if group in config and group not in chosen:
            raise ConfigError(
                f"{group} takes one choice, not a list", fix=f"tlx fit -m {group}=A,B for a sweep"
            )
    _refuse_open(config, chosen)
    plain = resolve.saved(config)
    refuse_secrets(plain)
    for node in ("model", "data", SOURCE, ALSO):
        if node in plain:
            own = plain[node] if node == "model" else without_loading(plain[node], node, plain["seed"])
            plain[node] = resolve.absolute(own)
    plain["cache"] = resolve.absolute_folder(plain["cache"])
    plain["init_from"] = resolve.absolute({"root": plain["init_from"]})["root"]
    trust, run_dir, sweep_dir = (plain.pop(key, None) for key in ("trust", "run_dir", "sweep_dir"))
    if trust and not any(gives_trust(word) for word in words):
        raise SecurityError(f"a config file says trust={trust}", fix="trust=[PACKAGE] on the command line")
    measure = plain.pop("measure", False)
    if not isinstance(measure, bool):
        raise bad_value("measure", measure, "true or false")
    if chosen.get("sequence") == DATA_SETS:  # which reads no data but its own
        chosen["data"] = DATA_SETS
    named = [group for group in GROUPS_OF_THE_NAME if group in plain]
    plain["names"] = {group: _name(plain[group], chosen[group]) for group in named}
    return Composed(
        plain, tuple([trust] if isinstance(trust, str) else trust or ()), run_dir, sweep_dir, measure
    )


def check_hydra(verb: str, overrides: Sequence[str], folders: Sequence[str] = ()) -> None:
    """Refuse a command line whose configs would have Hydra call something foreign; all jobs of a sweep.

    Raises:
        SecurityError: They would.
    """
    for job in [*_combinations(overrides)] or [list(overrides)]:
        try:
            config = _hydra(verb, job, folders)
        except EXPLAINED:  # which is said when Hydra composes it
            continue
        plain = OmegaConf.to_container(config, resolve=False)
        trust = plain.get("trust") or () if isinstance(plain, dict) else ()
        trusted = trust if any(gives_trust(word) for word in job) and isinstance(trust, list) else ()
        settings = dict(plain)["hydra"]  # type: ignore[arg-type]
        check_hydra_settings(settings, [str(name) for name in trusted], job)


def explained(
    error: Exception, verb: str, overrides: Sequence[str], folders: Sequence[str] = ()
) -> ConfigError:
    """Hydra's error in tlx's own words; of a sweep, the first combination that fails is named."""
    if foreign := foreign_key(verb, overrides):
        return foreign
    combination, varied = list(overrides), ""
    sweeps = "Ambiguous value" not in str(error)  # which says that no sweep was asked for
    for job in _combinations(overrides) if sweeps else ():
        try:
            _hydra(verb, job, folders, with_hydra=False)
        except EXPLAINED as own:
            error, combination = own, job
            varied = " ".join(word for word in job if word not in overrides)
            break
    found = explain(error, combination, lambda: known_keys(verb, combination, folders))
    if varied:
        found = ConfigError(f"the job {varied} cannot be composed: {found.what}", found.where, found.fix)
    return found


def known_keys(verb: str, overrides: Sequence[str] = (), folders: Sequence[str] = ()) -> list[str]:
    """Every key there is, with the choices of `overrides` as far as they can be composed."""
    kept: list[str] = []
    keys: list[str] = list(_hydra(verb, (), folders, with_hydra=False))
    for override in ("", *overrides):
        if override.startswith(("+", "~")):
            continue
        try:
            config = _hydra(verb, [*kept, override] if override else kept, folders, with_hydra=False)
        except EXPLAINED:
            continue
        kept += [override] if override else []
        plain = OmegaConf.to_container(config, resolve=False)
        keys = list(resolve.keys({str(k): v for k, v in dict(plain).items()}))  # type: ignore[arg-type]
    return keys


def digest(plain: Any) -> str:
    """Eight hex digits that change when a value does."""
    text = json.dumps(plain, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def plain_stem(words: Sequence[str]) -> str:
    """Words as one file name, safe on any system.

    >>> plain_stem(["tiny", "../photos", "full", "seed0"])
    'tiny-photos-full-seed0'
    """
    clean = (re.sub(r"[^A-Za-z0-9_]+", "_", word).strip("_") for word in words)
    return "-".join(word for word in clean if word)[:100]


def _hydra(
    verb: str, overrides: Sequence[str], folders: Sequence[str], with_hydra: bool = True
) -> DictConfig:
    search = (
        [f"hydra.searchpath=[{','.join(f'file://{os.path.abspath(f)}' for f in folders)}]"] if folders else []
    )
    outer = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_folder()), version_base=VERSION_BASE):
            return hydra_compose(verb, [*search, *overrides], return_hydra_config=with_hydra)
    finally:
        GlobalHydra.instance().hydra = outer


def _combinations(overrides: Sequence[str]) -> Iterator[list[str]]:
    """The overrides of each job, where some name several values; nothing where none does."""
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        values = [
            [f"{o.get_key_element()}={value}" for value in o.sweep_string_iterator()]
            if o.is_sweep_override()
            else [str(o.input_line)]
            for o in parsed
        ]
    except EXPLAINED:  # a sweep without an end, or a word that cannot be read
        return
    if any(o.is_sweep_override() for o in parsed):
        yield from map(list, itertools.product(*values))


def _refuse_unread(config: DictConfig, verb: str) -> None:
    read = read_by(verb)
    unread = sorted({str(key) for key in config} - read)
    if unread:
        known = ", ".join(sorted(read))
        raise ConfigError(
            f"nothing reads the key {unread[0]!r}. Known: {known}", fix=nearest(unread[0], read) or ""
        )


def _name(node: Mapping[str, Any], choice: Any) -> str:
    """What a choice is called: its file, or the thing it was pointed at where it is a general one."""
    target = str(node.get("_target_", "")).rpartition(".")[2]
    own = node.get("net")
    path = str(own.get("_target_", "")) if isinstance(own, Mapping) else ""
    pointed = path.rpartition(".")[2] or node.get("name")
    general = isinstance(pointed, str) and str(choice) == target
    return Path(pointed).name if general and isinstance(pointed, str) else str(choice)


def _refuse_open(config: DictConfig, choices: Mapping[str, Any]) -> None:
    plain = dict(OmegaConf.to_container(config, resolve=False))  # type: ignore[arg-type]
    missing = sorted(resolve.open_keys({str(key): value for key, value in plain.items()}))
    if not missing:
        return
    key = missing[0]
    node, _, leaf = key.partition(".")
    group, choice = ("data", f"data@{SOURCE}") if node == SOURCE else (node, node)
    comment = hint(group, str(choices.get(choice, "")), leaf.rpartition(".")[2]) if leaf else ""
    meaning, _, example = comment.partition("for example ")
    what = f"{key} is not given" + (f": {meaning.strip(' ,;')}" if meaning.strip() else "")
    also = f" (also open: {', '.join(missing[1:])})" if missing[1:] else ""
    raise ConfigError(what + also, fix=example.strip() or f"{key}={'PATH' if leaf == 'root' else 'VALUE'}")
