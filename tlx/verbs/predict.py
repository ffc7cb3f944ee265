"""`tlx predict`: the class of each file, written as CSV."""

import os
from collections.abc import Sequence
from pathlib import Path

from tlx.errors import ConfigError, unknown_name
from tlx.run_directory import shown
from tlx.verbs.finished import open_run
from tlx.verbs.words import read_words, trusted

__all__ = ["USAGE", "predict"]

USAGE = """\
tlx predict RUN PATHS... [out=FILE]: write input, class and probability of each sample as CSV.
PATHS are images or folders of images, .csv files with a text column (column=NAME) or .txt files
with a text per line. Without PATHS: the samples of split=test|val|train of the run's own data.
"""


def predict(argv: Sequence[str]) -> None:
    """Write the CSV and say where it is."""
    (path, *paths), options = read_words(argv, "predict", least=1)
    split, column, trust = options.pop("split", None), options.pop("column", "text"), trusted(options)
    run = Path(path).resolve()
    out = Path(os.path.abspath(options.pop("out", run / "predictions.csv")))
    options.pop("trust", None)
    if bool(paths) == bool(split):
        raise ConfigError(
            "predict wants either PATHS or split=test|val|train", fix=f"tlx predict {path} PHOTOS"
        )
    data, settings = open_run(run, options, trust)

    from tlx.data.paths import from_paths
    from tlx.inference import predict as write

    known = (
        {name: found for name, found in data.splits._asdict().items() if hasattr(found, "labels")}
        if split
        else {}
    )
    if split and split not in known:
        raise unknown_name("split", split, known)
    samples = known[split] if split else from_paths(paths, data.source.kind, text=column)
    rows = write(run, data, samples, out, settings, trust)
    print(f"{rows} predictions in {shown(out)}", flush=True)  # noqa: T201
