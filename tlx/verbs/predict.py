"""`tlx predict`: the class of each file, written as CSV."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlx.errors import ConfigError, bad_value, unknown_name
from tlx.run.directory import shown
from tlx.verbs.finished import open_run
from tlx.verbs.words import read_words, trusted

if TYPE_CHECKING:
    from tlx.data.checks import Faults

__all__ = ["USAGE", "predict"]

_log = logging.getLogger(__name__)

USAGE = """\
tlx predict RUN PATHS... [out=FILE]: write input, class and probability of each sample as CSV.
PATHS are images or folders of images, .csv files with a text column (column=NAME) or .txt files
with a text per line. Without PATHS: the samples of split=test|val|train of the run's own data.
bad_files=skip leaves out images that cannot be read and lists them beside the CSV.
Probabilities are calibrated by the temperature that validation chose; calibrated=false gives the
network's own. No class depends on it.
"""


def predict(argv: Sequence[str]) -> None:
    """Write the CSV and say where it is."""
    (path, *paths), options = read_words(argv, "predict", least=1)
    split, column, trust = options.pop("split", None), options.pop("column", "text"), trusted(options)
    run = Path(path).resolve()
    out = Path(os.path.abspath(options.pop("out", run / "predictions.csv")))
    options.pop("trust", None)
    policy, calibrated = options.pop("bad_files", None), options.pop("calibrated", "true")
    if bool(paths) == bool(split):
        raise ConfigError(
            "predict wants either PATHS or split=test|val|train", fix=f"tlx predict {path} PHOTOS"
        )
    if split and policy:
        raise ConfigError("bad_files goes with PATHS", fix=f"data.bad_files={policy} for the run's own data")
    if calibrated not in ("true", "false"):
        raise bad_value("calibrated", calibrated, "true or false")
    data, settings = open_run(run, options, trust)

    from tlx.data.checks import Faults, check_choice
    from tlx.data.image_checks import BadFiles
    from tlx.data.paths import from_paths
    from tlx.inference import predict as write

    known = (
        {name: found for name, found in data.splits._asdict().items() if hasattr(found, "labels")}
        if split
        else {}
    )
    if split and split not in known:
        raise unknown_name("split", split, known)
    policy = policy or _policy(data.source.describe())
    check_choice("bad_files", policy, BadFiles)
    skipped = Faults()
    samples = (
        known[split]
        if split
        else from_paths(paths, data.source.kind, text=column, skipped=skipped if policy == "skip" else None)
    )
    rows = write(run, data, samples, out, settings, trust, calibrated == "true")
    _list_skipped(skipped, out.with_suffix(".bad_files.txt"))
    print(f"{rows} predictions in {shown(out)}", flush=True)  # noqa: T201


def _policy(recipe: Mapping[str, Any]) -> str:
    """What a source does with files that cannot be read; of one made of others, what all of them do."""
    if "bad_files" in recipe:
        return str(recipe["bad_files"])
    of = recipe.get("of", [])
    policies = {_policy(each) for each in (of if isinstance(of, list) else [of]) if isinstance(each, Mapping)}
    return policies.pop() if len(policies) == 1 else "error"


def _list_skipped(skipped: "Faults", path: Path) -> None:
    """Say which files were left out, all of them in a file; one of an earlier time goes."""
    if not len(skipped):
        path.unlink(missing_ok=True)
        return
    lines = "".join(f"{name}\t{' '.join(reason.split())}\n" for name, reason in skipped)
    path.write_text(lines, encoding="utf-8", errors="surrogateescape")
    _log.warning("%s left out (all in %s): %s", skipped.counted(), shown(path), skipped.listed())
