"""Real processes of the command, each a fork of one server that has imported everything."""

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SMOKE = ("model.weights=null", "trainer=smoke", "strategy=full", "page=false")
"""The words of a short run, whatever its data."""

FEW = ("data.per_class=4", "data.val_fraction=0.02", "data.test_fraction=0.02")
"""And of the digits no more than it takes to go through all that a run does."""


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@dataclass
class Started:
    server: "Server"
    pid: int
    files: tuple[Path, Path]

    def wait(self) -> Result:
        code = self.server.receive()["code"]
        out, err = (path.read_text() for path in self.files)
        return Result(code, out, err)


@dataclass
class Server:
    """Answers one command at a time."""

    scratch: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="tlx-test-")))

    def __post_init__(self) -> None:
        root = str(Path(__file__).parent.parent)
        environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200", "PYTHONPATH": root}
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=Path(__file__).parent.parent,
        )
        self.count = 0

    def start(self, folder: Path, *argv: str, **environment: str) -> Started:
        """Start a command; FAULT=NAME:ARGUMENTS breaks its process, see `tests.faults.injectors`."""
        self.count += 1
        files = (self.scratch / f"{self.count}.out", self.scratch / f"{self.count}.err")
        request = {"argv": argv, "cwd": str(folder), "files": [str(f) for f in files], "env": environment}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return Started(self, self.receive()["pid"], files)

    def run(self, folder: Path, *argv: str, **environment: str) -> Result:
        return self.start(folder, *argv, **environment).wait()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)


def until(condition: Any, seconds: float = 120.0) -> Any:
    """What `condition` gives once it gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise TimeoutError("waited in vain")


def _child(request: dict[str, Any]) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the tests were started from
    for number, path in enumerate(request["files"], start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(request["cwd"])
    os.environ.update(request["env"])
    sys.argv = ["tlx", *request["argv"]]
    if "FAULT" in request["env"]:
        from tests.faults.injectors import inject

        inject(request["env"]["FAULT"])
    from tlx.cli import main

    code = main()
    atexit._run_exitfuncs()  # as at the end of an interpreter of its own
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _serve() -> None:
    import matplotlib.backends.backend_svg  # noqa: F401  # each child would import it again
    import sklearn.datasets
    import sklearn.metrics  # noqa: F401  # the same

    import tlx.composition.app
    import tlx.composition.job
    import tlx.inference
    import tlx.training  # noqa: F401
    from tlx.composition.compose import compose
    from tlx.report.canvas import draw

    compose("fit")  # Hydra's grammar, and matplotlib's fonts, are read once
    draw("nothing", lambda axes: None)
    gc.collect()
    gc.freeze()  # each child would write to the pages of all that it holds
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            try:
                _child(json.loads(line))
            finally:
                os._exit(99)
        print(json.dumps({"pid": child}), flush=True)  # noqa: T201
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)  # noqa: T201


if __name__ == "__main__":
    _serve()
