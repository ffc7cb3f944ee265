"""What a run was started on, so that a resume on other data is noticed."""

import json
from pathlib import Path

from tlx.checkpoint.durable import checkpoints, write_durably
from tlx.data.datamodule import TransferData
from tlx.errors import DataError
from tlx.withheld import withheld

__all__ = ["hold_data"]

NAME = "data.json"
BAD_FILES = "bad_files.txt"


def hold_data(folder: Path, data: TransferData) -> None:
    """Write data.json at a run's start, and hold the data against it when the run goes on.

    Where files were left out because they cannot be used, bad_files.txt lists them, a path and
    a reason a line.

    Args:
        folder: The run directory.
        data: What is about to be trained on.

    Raises:
        DataError: The run has checkpoints that were made on other data.
    """
    samples = _samples(data)
    found = {"fingerprint": data.fingerprint(), "samples": samples}
    path = folder / NAME
    if path.is_file() and checkpoints(folder / "checkpoints"):
        held = json.loads(path.read_text(encoding="utf-8"))
        if held != found:
            raise DataError(
                f"the data is not what the run was started on: it had {_told(held['samples'])}, "
                f"now {_told(samples)}",
                where=str(folder),
                fix="the data as it was, or a new run",
            )
        return
    write_durably(path, lambda to: to.write_text(json.dumps(found, indent=1), encoding="utf-8"))
    bad = folder / BAD_FILES
    if data.skipped:
        lines = withheld("".join(f"{name}\t{' '.join(reason.split())}\n" for name, reason in data.skipped))
        write_durably(bad, lambda to: to.write_text(lines, encoding="utf-8", errors="surrogateescape"))
    else:
        bad.unlink(missing_ok=True)


def _samples(data: TransferData) -> dict[str, int]:
    splits = {"train": data.splits.train, "val": data.splits.val, "test": data.splits.test}
    return {name: len(split) for name, split in splits.items() if split is not None}


def _told(samples: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in samples.items())
