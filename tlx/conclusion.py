"""The end of a run: score the best weights, write the bundle, the summary and the page."""

import contextlib
import json
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from tlx.cache.ahead import frontier_of
from tlx.cache.serving import concluding_part, serve
from tlx.calibration import Calibration, HeldOut, WithTemperature
from tlx.checkpoint.bundle import write_bundle
from tlx.checkpoint.durable import write_durably
from tlx.checkpoint.weights import load_weights
from tlx.data.overlap import write_samples
from tlx.data.stored import Chosen, Stored
from tlx.evaluation import evaluate, show_mistakes, to_device
from tlx.figures import TASK_FIGURES
from tlx.forgetting import Place, forgetting, in_words
from tlx.job import Run
from tlx.made_by import PACKAGES, version
from tlx.metrics.moments import FeatureMoments
from tlx.plan import PhaseEnd
from tlx.report.page import write_page
from tlx.report.summary import write_summary
from tlx.strategies.finetuning import Finetuning
from tlx.types import Split
from tlx.withheld import without_withheld

__all__ = ["SAMPLES", "conclude", "versions", "write_phases"]

SAMPLES = "samples.npz"
"""The file in a run directory that says which samples the run was trained and chosen on."""


def conclude(run: Run, ledger: Finetuning) -> dict[str, Any]:
    """Score the run's best weights and write everything a finished run holds.

    Every rank computes its share; the first one writes. summary.json is last but the page, so a
    run without it is not finished.

    Args:
        run: All of its phases are over.
        ledger: Their ends, and where the best weights lie.

    Returns:
        The summary.
    """
    best = ledger.best["run"]
    load_weights(run.network, run.checkpoints / best["file"], best["sha256"])
    stored = _stored(run, _phase_of(ledger, best["epoch"]))
    evaluation = _evaluate(run, stored)
    moments = _moments(run, stored.get("train"))
    run.network.cut = None
    summary = _summary(run, ledger, evaluation) | _forgetting(run)
    if run.world.is_first:
        write_phases(run.folder, run, ledger)
        _write_json(run.folder / "evaluation.json", evaluation)
        write_samples(run.folder / SAMPLES, run.job.data.splits)
        write_bundle(
            run.folder / "bundle",
            run.network,
            run.job.head_recipe,
            run.job.data.classes,
            moments,
            _meta(run, summary),
        )
        write_summary(run.folder / "summary.json", without_withheld(summary))
        if run.job.page:
            write_page(run.folder)
        else:  # one of before would show a run that was shorter
            (run.folder / "report.html").unlink(missing_ok=True)
    run.world.agree(None)
    return summary


def write_phases(folder: Path, run: Run, ledger: Finetuning) -> None:
    """Write phases.json: what ended each phase, and when."""
    starts = [0, *(end.epoch for end in ledger.ends)]
    rows = [
        _phase_row(number, run.plan.phases[number].name, first, end)
        for number, ((first, _), end) in enumerate(zip(pairwise([*starts, 0]), ledger.ends, strict=False))
    ]
    _write_json(folder / "phases.json", rows)


def _phase_row(number: int, name: str, epochs_before: int, end: PhaseEnd) -> dict[str, Any]:
    return {
        "phase": number,
        "name": name,
        "first_epoch": epochs_before + 1,
        "last_epoch": end.epoch,
        "best_epoch": end.best_epoch,
        "best": end.best,
        "reason": end.reason,
        "plateau": end.plateau,
    }


def _phase_of(ledger: Finetuning, epoch: int) -> int:
    return next(number for number, end in enumerate(ledger.ends) if epoch <= end.epoch)


def _stored(run: Run, number: int) -> dict[str, Stored]:
    """The values of the best epoch's frozen part, of which the best weights still have every bit."""
    phase, frontier = run.plan.phases[number], frontier_of(run.plan, number)
    run.network.freeze_except(phase.trains, run.plan.norms)
    serve(run.cache, run.plan, number, mixes=run.job.mixup > 0)
    stored = dict(run.job.data.stored)
    test = concluding_part(run.job.data, run.plan, number, stored)
    if run.job.data.phase_augments(phase):
        stored.pop("train", None)  # variations, where the samples as they are shall be measured
    if test is not None:
        rows = run.cache.rows(test, (frontier,))
        stored |= {"test": rows} if rows is not None else {}
    return stored


def _evaluate(run: Run, stored: Mapping[str, Stored]) -> dict[str, Any]:
    """Score validation and test samples; of the first a temperature is made, which is tried on the second."""
    splits, device = run.job.data.splits, run.job.trainer.device(run.world)
    scores, fitted = _validate(run, stored.get("val"), device)
    result = {"val": scores}
    if splits.test is not None:
        tried = None if fitted is None else WithTemperature(fitted.value).to(device)
        result["test"] = _score(run, splits.test, stored.get("test"), tried)
        if tried is not None:
            result["test"]["calibrated"] = tried.result()
    if fitted is not None:
        run.network.temperature = fitted.value
        for scores in result.values():
            scores["temperature"] = fitted._asdict()
    return {"task": run.job.task.name, "classes": list(run.job.data.classes), "splits": result}


def _validate(
    run: Run, stored: Stored | None, device: torch.device
) -> tuple[dict[str, Any], Calibration | None]:
    """The scores of the validation samples, and the temperature, where outputs become probabilities."""
    val = run.job.data.splits.val
    if run.job.task.targets == "numbers":
        return _score(run, val, stored, None), None
    held = HeldOut(len(val), len(run.job.data.classes), run.job.seed)
    return _score(run, val, stored, held), held.fit(device)


def _score(run: Run, split: Split, stored: Stored | None, beside: Any) -> dict[str, Any]:
    data, trainer = run.job.data, run.job.trainer
    measured = run.job.task.scores(data.classes, data.splits.train.labels, run.network.output)
    loader = data.loader(split, stored)
    device, precision = trainer.device(run.world), trainer.precision_context()
    scores = evaluate(run.network, loader, measured, device, precision, beside)
    if run.world.is_first:
        kind = run.network.backbone.preprocessing.kind
        scores["mistakes"] = show_mistakes(scores["mistakes"], split, kind)
    return scores


MOMENT_SAMPLES = 10_000


def _moments(run: Run, stored: Stored | None) -> dict[str, torch.Tensor]:
    """Mean and covariance of at most 10,000 training samples' features, drawn by the seed."""
    data, device = run.job.data, run.job.trainer.device(run.world)
    train = data.splits.train
    if len(train) > MOMENT_SAMPLES:
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(run.job.seed))
        chosen = order[:MOMENT_SAMPLES].sort().values
        train, stored = train.subset(chosen.numpy()), None if stored is None else Chosen(stored, chosen)
    gathered = FeatureMoments(run.network.backbone.out_features).to(device)
    network = run.network.to(device).eval()
    with torch.inference_mode(), run.job.trainer.precision_context():
        for batch in data.loader(train, stored):
            features = network.features(to_device(batch.inputs, device))
            gathered.update(features[(batch.ids >= 0).to(device)])
    return gathered.compute()


def _summary(run: Run, ledger: Finetuning, evaluation: dict[str, Any]) -> dict[str, Any]:
    job, best, last = run.job, ledger.best["run"], ledger.ends[-1]
    phase = _phase_of(ledger, best["epoch"])
    parts = list(run.network.named_parts())
    trainable = 0
    for planned in run.plan.phases:
        run.network.freeze_except(planned.trains, run.plan.norms)
        trainable = max(trainable, sum(p.numel() for _, p in run.network.trainable()))
    summary: dict[str, Any] = {
        "model": job.names["model"],
        "weights": job.backbone.weights,
        "data": job.names["data"],
        "strategy": job.names["strategy"],
        "task": job.task.name,
        "seed": job.seed,
        "ended": last.reason,
        "monitor": job.monitor,
        "best/epoch": best["epoch"],
        "best/phase": phase,
    }
    for name, scores in evaluation["splits"].items():
        summary |= {f"{name}/{metric}": value for metric, value in scores["metrics"].items()}
        summary[f"{name}/samples"] = scores["samples"]
        calibrated = scores.get("calibrated", {"metrics": {}})["metrics"]
        summary |= {f"{name}/{metric}_calibrated": value for metric, value in calibrated.items()}
    if "temperature" in evaluation["splits"]["val"]:
        summary["val/temperature"] = evaluation["splits"]["val"]["temperature"]["value"]
    return summary | {
        "train/samples": len(job.data.splits.train),
        "train/epochs": last.epoch,
        "train/steps": last.step,
        "train/seconds": round(run.seconds, 3),
        "parameters/total": sum(p.numel() for _, _, p in parts),
        "parameters/trainable": trainable,
        "classes": list(job.data.classes),
        "versions": versions(),
    }


def _forgetting(run: Run) -> dict[str, Any]:
    """How much of what the weights knew is left, where the source is at hand."""
    if run.origin is None or run.origin.source is None:
        return {}
    place = Place(run.world, run.job.trainer.device(run.world), run.job.trainer.precision_context)
    network = run.network.to(place.device).eval()
    words = in_words(run.origin, run.job.regularizers)
    return forgetting(run.origin, network.original_logits, place) | words


def _meta(run: Run, summary: dict[str, Any]) -> dict[str, Any]:
    data = run.job.data
    headline = TASK_FIGURES[run.job.task.name][0]
    figures = ("strategy", "data", f"val/{headline}", f"test/{headline}", "train/samples", "seed")
    return {
        "title": f"{run.job.names['model']} on {run.job.names['data']}",
        "fingerprints": {"data": data.fingerprint(), "weights": run.job.backbone.weights},
        "versions": versions(),
        "eval_batch_size": data.eval_batch_size or data.batch_size,
        "precision": run.job.trainer.precision,
        "task": run.job.task.describe(),
        "figures": {name: summary[name] for name in figures if name in summary},
    }


WHERE_LOADED = PACKAGES | {
    "datasets": "datasets",
    "open_clip": "open_clip_torch",
    "peft": "peft",
    "sentence_transformers": "sentence-transformers",
}
"""Module to package of what is named of the runs that loaded it, and of no other."""


def versions() -> dict[str, str]:
    """What the bits of a run depend on, besides the processor's kind; nothing is imported for it."""
    always = ("tlx", "torch", "torchvision", "lightning", "torchmetrics")
    return (
        {name: version(name) for name in always}
        | _loaded()
        | {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "threads": str(torch.get_num_threads()),
        }
    )


def _loaded() -> dict[str, str]:
    found = {}
    for module, package in sorted(WHERE_LOADED.items()):
        if sys.modules.get(module) is None:
            continue
        with contextlib.suppress(PackageNotFoundError):  # a module of that name that no package brought
            found[package] = version(package)
    return found


def _write_json(path: Path, content: Any) -> None:
    write_durably(path, lambda to: to.write_text(json.dumps(without_withheld(content), indent=1)))
