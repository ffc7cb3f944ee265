"""One rank of a run on several devices; torch's launcher starts as many as there are devices."""

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tlx.process.children import die_with_parent
from tlx.process.signals import left_at_once, stoppable
from tlx.verbs.launch import note_failure, note_stop
from tlx.withheld import withheld

__all__ = ["main"]


def main(argv: Sequence[str]) -> int:
    """Train this rank's share.

    Args:
        argv: The run directory, then the packages that the person trusts.

    Returns:
        The exit code, 0 also where it was asked to end; how it ended is noted in the run directory.
    """
    die_with_parent()
    run, trust = Path(argv[0]), tuple(argv[1:])
    rank = int(os.environ.get("RANK", "0"))
    try:
        with stoppable(), left_at_once(lambda: note_stop(run, rank), insisted=False):
            from tlx.composition.job import make_job
            from tlx.composition.resolve import saved_run
            from tlx.training import fit

            fit(make_job(saved_run(run / "config.yaml"), trust), run)
    except KeyboardInterrupt as stop:
        with contextlib.suppress(OSError):
            note_stop(run, rank, str(stop))
    except Exception as error:
        with contextlib.suppress(OSError):
            note_failure(run, rank, error, time.time())
            print(withheld(traceback.format_exc()), file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a rank that failed must not wait for the others when it closes the group
