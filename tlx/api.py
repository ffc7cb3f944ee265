"""tlx from Python: names, as on the command line, or objects of your own."""

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlx.composition.changes import changes_between
from tlx.composition.command import quoted
from tlx.composition.compose import Composed
from tlx.composition.compose import compose as compose_config
from tlx.composition.groups import choices
from tlx.errors import ConfigError
from tlx.process.signals import saving_in_python
from tlx.run.directory import begin, check_free, check_run, claimed, place, read_json, read_state
from tlx.run.record import recorded
from tlx.verbs.change import change, settle_change
from tlx.verbs.completeness import lacking
from tlx.verbs.launch import prepared
from tlx.verbs.run_config import begun_config, settle_config, write_config

if TYPE_CHECKING:
    from tlx.backbones.staged import StagedBackbone
    from tlx.data.datamodule import TransferData
    from tlx.inference import Transform
    from tlx.job import Job
    from tlx.modules.network import Network
    from tlx.plan import Plan
    from tlx.types import Source

__all__ = ["compose", "fit", "load", "refuse_path", "words"]


def compose(verb: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The config of a verb as plain values, with the environment filled in.

    Args:
        verb: `fit` or `plan`.
        overrides: As on the command line.

    Raises:
        ConfigError: An override names something that does not exist, or a value is open.
    """
    return compose_config(verb, overrides).resolved()


def fit(
    model: "str | StagedBackbone" = "tiny",
    data: "str | TransferData | Source" = "digits",
    strategy: "str | Callable[[Sequence[str]], Plan]" = "gradual_unfreezing",
    resume: bool = False,
    allow_change: bool = False,
    **overrides: Any,
) -> dict[str, Any]:
    """Train one run in this process and leave a run directory, as `tlx fit` does.

    An interrupt, or a signal that ends the process, waits for the next checkpoint of a training loop.

    Args:
        model: A choice of `conf/model`, or a backbone. A copy of the backbone is trained; the
            object stays as it was, and `load` gives the trained network.
        data: A choice of `conf/data`; a source, whose loading `data__batch_size=8` and the like
            set; or a `TransferData`, which has its loading.
        strategy: A choice of `conf/strategy`, or a function from stages to a Plan.
        resume: Go on with the run in `run_dir`, with the arguments it was begun with; a finished one
            gives its summary. As with `tlx resume`, more epochs make the run longer, what changes no
            bit of the result may change, and any other change is refused. Objects must be the same.
        allow_change: With `resume`, go on with other arguments, or other data, and write them down.
        **overrides: Keys of the command line with `__` for the dot: `data__root="photos"`,
            `seed=1`, `trainer="smoke"`, `run_dir="runs/first"`. A key that an object leaves
            without a meaning is refused.

    Returns:
        The summary; `run_dir` in it says where the run lives.

    Raises:
        TlxError: What went wrong, with a way out.
        KeyboardInterrupt: Somebody interrupted; it says up to where the run is saved.
    """
    given = {"model": model, "data": data, "strategy": strategy}
    names = {group: value for group, value in given.items() if isinstance(value, str)}
    objects = {group: value for group, value in given.items() if group not in names}
    if isinstance(data, str):
        refuse_path(data)
    if objects:
        from tlx.composition.objects import check_objects

        check_objects(objects, [key.replace("__", ".") for key in overrides])
    composed = compose_config("fit", words(names | overrides))
    if objects:
        from tlx.composition.objects import with_objects

        composed = with_objects(composed, objects)
    run = place(composed.run_dir, "runs", composed.name)
    summary = _go_on(run, composed, objects, allow_change) if resume else _begin(run, composed, objects)
    return {**summary, "run_dir": str(run)}


def load(run: "str | os.PathLike[str]", trust: Sequence[str] = ()) -> "tuple[Network, Transform]":
    """The network of a finished run, in evaluation mode, and the transform it needs.

    It gives logits as they were trained; `(network(transform(samples)) / network.temperature).softmax(1)`
    are calibrated probabilities, of several answers for each sample `sigmoid()` of the quotient.

    Args:
        run: A run directory, or a bundle.
        trust: Packages of your own whose code the run may name.

    Raises:
        CheckpointError: The run has no bundle, or it is damaged.
        SecurityError: It names code of a package that is not in `trust`.
    """
    from tlx.composition.trust import importable
    from tlx.inference import load as load_run

    return load_run(Path(run), importable(trust))


def _begin(run: Path, composed: Composed, objects: Mapping[str, Any]) -> Mapping[str, Any]:
    from tlx.composition.cache import check_cache

    check_free(run)
    _, work = _work(run, composed, objects)
    check_cache(composed.config, composed.trust)
    with claimed(run):
        check_free(run)
        write_config(run, composed.config)
        begin(run)
        with saving_in_python(), recorded(run):
            return work()


def _go_on(
    run: Path, composed: Composed, objects: Mapping[str, Any], allow_change: bool
) -> Mapping[str, Any]:
    check_run(run)
    settle_change(run)
    before = begun_config(run)
    changed = changes_between(before, composed.config).of_the_result or "strategy" in objects
    if read_state(run)["status"] == "finished" and not changed and not lacking(run):
        return read_json(run / "summary.json")
    job, work = _work(run, composed, objects)
    with claimed(run):
        if not (change(run, before, composed.config, composed.trust, allow_change, job) or lacking(run)):
            return read_json(run / "summary.json")
        settle_config(run, composed.config)
        begin(run, resumed=True)
        with saving_in_python(), recorded(run):
            return work()


def _work(
    run: Path, composed: Composed, objects: Mapping[str, Any]
) -> "tuple[Job | None, Callable[[], Mapping[str, Any]]]":
    """What trains the run, and of what. What can be refused is refused before there is a directory."""
    trainer = composed.config["trainer"]
    if any(isinstance(trainer[key], int) and trainer[key] > 1 for key in ("devices", "num_nodes")):
        if objects:
            raise ConfigError("objects cannot be sent to several devices", fix="names instead of objects")
        work = prepared(composed.config, composed.trust)
        return None, lambda: work(run)
    from tlx.composition.job import make_job
    from tlx.training import fit as train_job

    own = dict(objects)
    if "model" in own:
        own["model"] = copy.deepcopy(own["model"])
    job = make_job(composed.config, composed.trust, **own)
    return job, lambda: train_job(job, run)


def refuse_path(data: str) -> None:
    """Refuse a path where the name of a choice of `conf/data` is expected.

    Raises:
        ConfigError: It is one, with the words for it.
    """
    path = Path(data).expanduser()
    if data not in choices("data") and path.exists():
        key = "data='folder', data__root" if path.is_dir() else "data='text_csv', data__train"
        raise ConfigError(f"data={data!r} is a path. Expected a name or a source", fix=f"{key}={data!r}")


def words(values: Mapping[str, Any]) -> list[str]:
    """Keyword arguments as overrides of the command line."""
    return [f"{key.replace('__', '.')}={quoted(value, _is_one_word)}" for key, value in values.items()]


def _is_one_word(text: str) -> bool:
    """Letters and digits alone, which Hydra may read as a number, as on the command line."""
    return text.replace("_", "").replace(".", "").isalnum()
