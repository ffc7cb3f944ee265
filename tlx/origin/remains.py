"""What a run that was cut off early leaves of the original network, and whether it can be gone on with."""

import hashlib
import shutil
from pathlib import Path

from tlx.checkpoint.durable import write_durably

__all__ = ["clear_remains"]

SETTINGS = ("config.yaml", "data.json", "source.json")
"""The files of a run that say what it was begun with."""

NOTE = "made_of"


def clear_remains(run: Path, known: Path) -> None:
    """Remove what was made under other settings or of other data, before the first checkpoint vouches for it.

    Once there is a checkpoint, it holds the hash of what belongs to it, and this is not to be called.

    Args:
        run: A run directory.
        known: Its folder of what is held on to, there or not.
    """
    files = (run / name for name in SETTINGS)
    told = b"\0".join(path.read_bytes() if path.is_file() else b"" for path in files)
    digest, note = hashlib.sha256(told).hexdigest(), known / NOTE
    if note.is_file() and note.read_text(encoding="utf-8") == digest:
        return
    shutil.rmtree(known, ignore_errors=True)
    known.mkdir(parents=True, exist_ok=True)
    write_durably(note, lambda to: to.write_text(digest, encoding="utf-8"))
