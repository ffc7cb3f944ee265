"""Runs every notebook from its beginning, in a folder of its own, and leaves the files as they are.

    python scripts/run_notebooks.py

The notebooks lie in the repository without outputs; `tests/test_notebooks.py` holds them to it.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def run(path: Path, folder: Path) -> Any:
    """The notebook with its outputs, run in `folder`; the file stays as it is."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    commands = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "TMPDIR": str(folder)}
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    return client.execute(env=environment)


def main() -> None:
    """Run them all and say how long each took."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            run(path, Path(folder))
        print(f"{path.name}  {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
