import os
import subprocess
import sys
from pathlib import Path

import pytest

from tlx.process.leaving import loading

ROOT = str(Path(__file__).parent.parent)

LEAVES = """
import os, signal, sys
from tlx.process.leaving import *
with undone(lambda: print("undone")):
    if os.fork() == 0:
        with undone(lambda: print("of the copy", flush=True)):
            leave(signal.SIGTERM)
    os.wait()
    with undone(lambda: print("over")):
        pass
    leave(getattr(signal, sys.argv[1]), lambda: print("noted"))
"""


@pytest.mark.parametrize(
    ("name", "code", "said"), [("SIGTERM", 143, "terminated"), ("SIGINT", 130, "interrupted")]
)
def test_a_process_notes_undoes_says_a_line_and_is_gone(name: str, code: int, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVES, name],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": ROOT},
    )
    assert done.returncode == code
    assert done.stdout.splitlines() == ["of the copy", "noted", "undone"]
    assert done.stderr == f"tlx: terminated\ntlx: {said}\n"


def test_modules_that_are_being_imported_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    count = "import sys\nfrom tlx.process.leaving import loading\nfound = loading(sys._getframe())\n"
    (tmp_path / "outer_of_two.py").write_text(f"{count}import inner_of_two\n")
    (tmp_path / "inner_of_two.py").write_text(count)
    import inner_of_two  # type: ignore[import-not-found]

    del sys.modules["inner_of_two"]
    import outer_of_two  # type: ignore[import-not-found]

    before = loading(sys._getframe())
    assert (inner_of_two.found, outer_of_two.found) == (before + 1, before + 1)
    assert sys.modules["inner_of_two"].found == before + 2
