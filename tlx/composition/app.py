"""A verb as a Hydra app: its flags, its help, its completion, its sweeps."""

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import hydra
from hydra._internal.hydra import Hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tlx.composition.compose import (
    VERSION_BASE,
    Composed,
    check_hydra,
    explained,
    from_hydra,
    known_keys,
)
from tlx.composition.explain import EXPLAINED, check_words
from tlx.composition.groups import conf_folder, groups, taken_by
from tlx.composition.hydra_settings import from_elsewhere
from tlx.errors import ConfigError, SecurityError, nearest
from tlx.process.leaving import undone

__all__ = ["Arguments", "parse", "run", "sweep", "sweep_dir"]

FLAGS = (
    "--multirun",
    "--cfg",
    "--info",
    "--help",
    "--config-dir",
    "--resolve",
    "--package",
    "--shell-completion",
)


class Arguments(argparse.Namespace):
    """What Hydra's parser found."""

    overrides: list[str]
    multirun: bool
    config_dir: str | None


def parse(argv: Sequence[str]) -> Arguments:
    """Read Hydra's flags and the overrides.

    Raises:
        ConfigError: A flag that Hydra does not have.
        SecurityError: The flag that unpickles a file.
    """
    parser = get_args_parser()

    def refuse(message: str) -> Any:
        flag = next((word for word in argv if word.startswith("-") and word not in FLAGS), "")
        near = nearest(flag, FLAGS) if flag.startswith("--") else None
        raise ConfigError(message, fix=near or "options are keys: key=value; tlx fit --help shows them")

    parser.error = refuse  # type: ignore[method-assign]
    arguments = parser.parse_args(list(argv), namespace=Arguments())
    if arguments.experimental_rerun is not None:
        raise SecurityError(
            "--experimental-rerun unpickles a file, which can run any code", fix="tlx resume RUN"
        )
    if arguments.config_path or arguments.config_name:
        raise ConfigError(
            "the primary config is the verb's own", fix="--config-dir FOLDER, which adds choices to groups"
        )
    if not arguments.shell_completion:
        check_words(arguments.overrides)
    return arguments


def run(verb: str, argv: Sequence[str]) -> Composed | None:
    """Do what the flags ask for.

    Returns:
        The config of the one run that was asked for; None where the flags asked for
        something else (the config, help, completion), which is then done.
    """
    taken: list[Composed] = []
    _hydra_main(verb, argv, lambda config: taken.append(from_hydra(config, verb=verb)))
    return taken[0] if taken else None


def sweep(
    verb: str, argv: Sequence[str], job: Callable[[Composed | ConfigError, list[str]], float | None]
) -> None:
    """Run a job for each combination of a `-m` command line, by Hydra's sweeper and launcher.

    Args:
        verb: The primary config.
        argv: Flags and overrides, `-m` among them.
        job: Takes a config, or why there is none, and the overrides that made it; gives the
            monitored value. It must not raise for what a single job did wrong: the other
            jobs go on.
    """
    arguments = parse(argv)
    told = _for_every_job(verb, arguments)
    asked = {_as_hydra_says(told.get(word, word)): word for word in arguments.overrides}

    def task(config: DictConfig) -> float | None:
        overrides = [asked.get(str(word), str(word)) for word in HydraConfig.get().overrides.task]
        try:
            composed: Composed | ConfigError = from_hydra(config, verb=verb)
        except ConfigError as error:
            composed = error
        return job(composed, overrides)

    _hydra_main(verb, argv, task, told)


def sweep_dir(overrides: Sequence[str]) -> tuple[str | None, list[str]]:
    """Where the jobs of a sweep are wished to live, and the overrides without that word.

    It is read before there is a job, so it may refer to the environment, not to other keys.

    Raises:
        ConfigError: It is no single name, or cannot be resolved.
    """
    words = [word for word in overrides if word.lstrip("+").partition("=")[0] == "sweep_dir"]
    others = [word for word in overrides if word not in words]
    if not words:
        return None, others
    try:
        override = OverridesParser.create().parse_override(words[-1])
        swept = override.is_sweep_override()
        value = None if swept else OmegaConf.create({"it": override.value()}).it
    except (HydraException, OmegaConfBaseException) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"{words[-1]} cannot be resolved: {reason}", fix="sweep_dir=FOLDER") from error
    if swept or not (value is None or isinstance(value, str | int | float)):
        raise ConfigError(f"{words[-1]} is not usable. Expected one folder", fix="sweep_dir=FOLDER")
    return None if value is None else str(value), others


def _hydra_main(
    verb: str, argv: Sequence[str], task: Callable[[DictConfig], Any], told: Mapping[str, str] | None = None
) -> None:
    """Run Hydra's app; of `told`, words are given to Hydra in another form."""
    arguments = parse(argv)
    folders = [arguments.config_dir] if arguments.config_dir else []
    told_how = from_elsewhere(arguments.overrides, arguments.config_dir)
    if told_how:
        check_hydra(verb, arguments.overrides, folders)
    failure: list[Exception] = []

    def guarded(config: DictConfig) -> Any:
        try:
            return task(config)
        except Exception as error:  # Hydra would print it in its own way
            failure.append(error)
            return None

    application = hydra.main(version_base=VERSION_BASE, config_path=str(conf_folder()), config_name=verb)(
        guarded
    )
    with (
        contextlib.nullcontext() if told_how else _without_asking_how(),
        _only_groups_of(verb),
        _own_folder() as folder,
        _command_line([*((told or {}).get(word, word) for word in argv), *_quiet(arguments, folder)]),
    ):
        try:
            application()
        except EXPLAINED as error:
            raise explained(error, verb, arguments.overrides, folders) from error
    if failure:
        raise failure[0]


def _for_every_job(verb: str, arguments: Arguments) -> dict[str, str]:
    """Words of a sweep over a group that Hydra would refuse, and what to tell it in their place.

    Hydra looks a key that is not swept up in the default choice of its group before it makes the
    jobs, and refuses one that only the swept choices have. With ++ it does not look. That loses
    no check: the key is one that each of the choices has.
    """
    try:
        parsed = OverridesParser.create().parse_overrides(arguments.overrides)
    except HydraException:  # which says so itself
        return {}
    folders = [arguments.config_dir] if arguments.config_dir else []
    told: dict[str, str] = {}
    for group in [override for override in parsed if override.is_sweep_override()]:
        prefix = f"{group.key_or_group}."
        own = [word for word in arguments.overrides if word.startswith(prefix)]
        if group.key_or_group not in groups() or not own:
            continue
        chosen = [f"{group.key_or_group}={choice}" for choice in group.sweep_string_iterator()]
        had = set.intersection(*(set(known_keys(verb, [choice], folders)) for choice in chosen))
        told |= {word: f"++{word}" for word in own if word.partition("=")[0] in had}
    swept = {str(override.input_line) for override in parsed if override.is_sweep_override()}
    return {word: instead for word, instead in told.items() if word not in swept}


def _as_hydra_says(word: str) -> str:
    """A word that all jobs of a sweep share, as Hydra's sweeper writes it: `page=False` for `page=false`."""
    try:
        override = OverridesParser.create().parse_override(word)
    except HydraException:  # which says so itself
        return word
    if override.is_sweep_override():
        return word
    return f"{override.get_key_element()}={override.get_value_element_as_str()}"


def _quiet(arguments: Any, folder: str) -> list[str]:
    runs = not (
        arguments.cfg
        or arguments.info
        or arguments.help
        or arguments.hydra_help
        or arguments.shell_completion
    )
    return [f"hydra.run.dir={folder}", f"hydra.sweep.dir={folder}"] if runs else []


@contextlib.contextmanager
def _without_asking_how() -> Iterator[None]:
    """Spare Hydra a whole composition, in which it reads whether its settings say one run or a sweep.

    Those of tlx leave that to -m: then Hydra finds nothing, and does what the flags say.
    """
    ask = Hydra.get_mode
    Hydra.get_mode = lambda self, config_name, overrides: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.get_mode = ask  # type: ignore[method-assign]


@contextlib.contextmanager
def _only_groups_of(verb: str) -> Iterator[None]:
    """Have Hydra's help list no group that the verb would refuse a choice of."""
    list_all, taken = Hydra.list_all_config_groups, taken_by(verb)

    def listed(self: Hydra, parent: str = "") -> list[str]:
        return [name for name in list_all(self, parent) if name.partition("/")[0] in (*taken, "hydra")]

    # its help has no setting for it, and method-assign is what there is instead
    Hydra.list_all_config_groups = listed  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.list_all_config_groups = list_all  # type: ignore[method-assign]


@contextlib.contextmanager
def _own_folder() -> Iterator[str]:
    """A place for what Hydra writes; removed by the process that made it, not by its forks."""
    with (
        tempfile.TemporaryDirectory(prefix="tlx-hydra-", ignore_cleanup_errors=True) as folder,
        undone(lambda: shutil.rmtree(folder, ignore_errors=True)),
    ):
        yield folder


@contextlib.contextmanager
def _command_line(argv: Sequence[str]) -> Iterator[None]:
    before, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = [before[0], *argv]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = before
        os.environ.pop("HYDRA_FULL_ERROR")
        if full is not None:
            os.environ["HYDRA_FULL_ERROR"] = full
