"""Texts with a label, in files of JSON lines."""

from tlx.data.tables import JSON_LINES, Format
from tlx.data.text_csv import TextCSV

__all__ = ["TextJSONL"]


class TextJSONL(TextCSV):
    """Files with a JSON object in every line, which holds a text and a label.

    As `TextCSV`, with train.jsonl for train.csv, keys for columns and lines for rows. A label
    is a string or a number; where the task takes several classes, a string with the
    separator, a list, or a key with 0 and 1 (false and true) for each; where it takes
    numbers, a number, a list of them as long in every line, or a key for each.

    Args:
        root: The folder; files given by name are looked up in it, then in the working directory.
        train: The file to train on; None: train.jsonl in `root`.
        val: The file that selects the best epoch; None: as found in `root`.
        test: The file for the test split; None: as found in `root`.
        text: Name of the key that holds the text.
        label: Name of the key that holds the label, or of several.
        separator: Between the names where a text has several classes in one string.
        split: Name of a key that says train, val or test in every line; None: the files do.
        val_fraction: Share held out for val where there is none, in (0, 1).
        test_fraction: Share for test when there is neither val nor test, in [0, 1).
        split_seed: Which lines are held out; apart from the run's seed, so that runs with
            different seeds are measured on the same lines.
        duplicates: What to do when the same text is in two splits: "error", "warn", "ignore".

    Raises:
        ConfigError: A value is out of its range, or neither `root` nor `train` is given.
    """

    form: Format = JSON_LINES
