"""A virtual environment for each peer."""

import json
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["PEERS", "Environment", "make"]

PEERS = {
    "lightning": ("lightning==2.6.6", "torchvision"),
    "fastai": ("fastai==2.8.12",),
    "finetuning-scheduler": ("finetuning-scheduler==2.14.1", "torchvision"),
}
"""What pip installs for each peer, with all that it asks for."""

SHOWN = ("torch", "torchvision", "lightning", "fastai", "fastcore", "finetuning-scheduler", "numpy", "pillow")
LOOK = """
import importlib.metadata as m, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        d = m.distribution(name)
        found[name] = [d.version, str(d.locate_file("")).startswith(sys.prefix)]
    except m.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Environment:
    """Where a peer runs.

    Args:
        python: Its interpreter.
        what: How it was made and what is in it, as plain values.
    """

    python: Path
    what: dict[str, Any]


def make(peer: str, folder: Path, reuse: bool) -> Environment:
    """Make the environment of a peer, or find it made.

    Args:
        peer: A key of `PEERS`.
        folder: Where environments live.
        reuse: Whether packages of the running interpreter count as installed, by a .pth file: pip then
            brings only what is missing or of a version that the peer does not take. False: everything
            is installed anew, torch included.

    Raises:
        SystemExit: pip failed.
    """
    place = folder / f"{peer}{'' if reuse else '-own'}"
    python, note = place / "bin" / "python", place / "ready.json"
    if not note.is_file():
        print(f"setting up {peer}", flush=True)
        venv.create(place, with_pip=True, clear=True)
        if reuse:
            shared = [path for path in sys.path if path.endswith("site-packages")]
            _site(place).joinpath("running_interpreter.pth").write_text("\n".join(shared) + "\n")
        command = [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--quiet",
            "--no-input",
            "--compile",
            *PEERS[peer],
        ]
        if subprocess.run(command, check=False).returncode:
            raise SystemExit(f"pip could not set up {peer}: {' '.join(command[3:])}")
        note.write_text(json.dumps(_found(peer, python, reuse)))
    return Environment(python, json.loads(note.read_text()))


def _found(peer: str, python: Path, reuse: bool) -> dict[str, Any]:
    look = [str(python), "-c", LOOK, *SHOWN]
    found = json.loads(subprocess.run(look, check=True, capture_output=True, text=True).stdout)
    return {
        "installed": list(PEERS[peer]),
        "versions": {name: version for name, (version, _) in found.items()},
        "from_the_running_interpreter": sorted(n for n, (_, own) in found.items() if not own)
        if reuse
        else [],
    }


def _site(place: Path) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return place / "lib" / version / "site-packages"
