"""tlx from Python: names, as on the command line, or objects of your own."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tlx.composition.compose import Composed
from tlx.composition.compose import compose as compose_config
from tlx.composition.resolve import refuse_secrets, resolved, to_yaml
from tlx.errors import ConfigError
from tlx.run_directory import begin, check_free, check_run, place, read_state, recorded, write_text
from tlx.verbs.launch import train

if TYPE_CHECKING:
    from tlx.backbones.staged import StagedBackbone
    from tlx.data.datamodule import TransferData
    from tlx.inference import Transform
    from tlx.job import Job
    from tlx.modules.network import Network
    from tlx.plan import Plan
    from tlx.types import Source

__all__ = ["compose", "fit", "load", "words"]

OBJECT = "given as an object"


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
    **overrides: Any,
) -> dict[str, Any]:
    """Train one run in this process and leave a run directory, as `tlx fit` does.

    Args:
        model: A choice of `conf/model`, or a backbone.
        data: A choice of `conf/data`, a source, or a source with its loading.
        strategy: A choice of `conf/strategy`, or stages to Plan.
        resume: Go on with the run in `run_dir`; objects must be the same as then.
        **overrides: Keys of the command line with `__` for the dot: `data__root="photos"`,
            `seed=1`, `trainer="smoke"`, `run_dir="runs/first"`.

    Returns:
        The summary; `run_dir` in it says where the run lives.

    Raises:
        TlxError: What went wrong, with a way out.
    """
    given = {"model": model, "data": data, "strategy": strategy}
    names = {group: value for group, value in given.items() if isinstance(value, str)}
    objects = {group: value for group, value in given.items() if group not in names}
    composed = compose_config("fit", words(names | overrides))
    if objects:
        composed = _with_objects(composed, objects)
    run = place(composed.run_dir, "runs", composed.name)
    _open(run, composed, resume)
    with recorded(run):
        if objects:
            from tlx.training import fit as train_job

            summary: Mapping[str, Any] = train_job(_job(composed, objects), run)
        else:
            summary = train(run, composed.config, composed.trust)
    return {**summary, "run_dir": str(run)}


def load(run: "str | os.PathLike[str]") -> "tuple[Network, Transform]":
    """The network of a finished run, in evaluation mode, and the transform it needs.

    Args:
        run: A run directory, or a bundle.

    Raises:
        CheckpointError: The run has no bundle, or it is damaged.
    """
    from tlx.inference import load as load_run

    return load_run(Path(run))


def _open(run: Path, composed: Composed, resume: bool) -> None:
    if resume:
        check_run(run)
        if read_state(run)["status"] == "finished":
            raise ConfigError(f"{run} is finished", fix="tlx.load(run), or another run_dir")
    else:
        check_free(run)
        write_text(run / "config.yaml", to_yaml(composed.config))
    begin(run, resumed=resume)


def words(values: Mapping[str, Any]) -> list[str]:
    """Keyword arguments as overrides of the command line."""
    return [f"{key.replace('__', '.')}={_quoted(value)}" for key, value in values.items()]


def _quoted(value: Any) -> str:
    """A value in Hydra's grammar: text that holds more than a word is quoted."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(_quoted(item) for item in value)}]"
    text = str(value)
    if isinstance(value, int | float) or text.replace("_", "").replace(".", "").isalnum() or "${" in text:
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _with_objects(composed: Composed, objects: Mapping[str, Any]) -> Composed:
    """The config with what is known of objects in the place of the nodes they replace."""
    config = dict(composed.config)
    config["names"] = dict(config["names"])
    for group, given in objects.items():
        described = getattr(given, "recipe", None) or _described(getattr(given, "source", given))
        config[group] = {**described, "object": OBJECT} | (
            {"head": config["model"]["head"]} if group == "model" else {}
        )
        kind = getattr(given, "source", given)
        config["names"][group] = getattr(given, "__name__", None) or str(type(kind).__name__).lower()
    refuse_secrets(config)
    return Composed(config, composed.trust, composed.run_dir, composed.sweep_dir)


def _described(given: Any) -> dict[str, Any]:
    return dict(given.describe()) if hasattr(given, "describe") else {}


def _job(composed: Composed, objects: Mapping[str, Any]) -> "Job":
    from tlx.backbones.staged import StagedBackbone
    from tlx.composition.job import make_data, make_head
    from tlx.data.datamodule import TransferData
    from tlx.job import Job
    from tlx.recipe import build
    from tlx.types import Source

    config, trust = resolved(composed.config), composed.trust
    if config["trainer"]["devices"] > 1:
        raise ConfigError("objects cannot be sent to several devices", fix="names instead of objects")
    model, data = objects.get("model"), objects.get("data")
    if "model" in objects and not isinstance(model, StagedBackbone):
        raise ConfigError(f"model is a {type(model).__name__}", fix="a name, or a StagedBackbone")
    if data is None:
        data = make_data(config["data"], trust)
    head = config["model"]["head"]
    backbone = {key: value for key, value in config["model"].items() if key != "head"}
    return Job(
        backbone=model or build(backbone, trust),
        head=make_head(head, trust),
        head_recipe=head,
        data=data
        if isinstance(data, TransferData)
        else TransferData(cast(Source, data), seed=config["seed"]),
        strategy=objects.get("strategy") or build(config["strategy"], trust, partial=True),
        optimizer=build(config["optimizer"], trust, partial=True),
        trainer=build(config["trainer"], trust),
        seed=config["seed"],
        monitor=config["monitor"],
        label_smoothing=config["label_smoothing"],
        names=config["names"],
    )
