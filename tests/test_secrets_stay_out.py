"""What the environment lends a run is in none of the files that the run leaves."""

from pathlib import Path

import pytest

from tests.command import FEW, SMOKE, Server

CANARY = "c4n4ry-hunter2"
PASSWORD = "c4n4ry-sw0rd"
ADDRESS = f"https://me:{PASSWORD}@host/data"

NET = """
import os
from torch import nn


class Net(nn.Sequential):
    def __init__(self, api_key: str, address: str) -> None:
        assert api_key == os.environ["SERVICE_KEY"]
        assert address.endswith("@host/data")
        super().__init__()
        self.add_module("stem", nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
        self.add_module("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
        self.add_module("fc", nn.Linear(4, 10))
        self.said = f"cannot reach {address} with {api_key!r}"

    def forward(self, x):
        if self.training and LATE:
            raise RuntimeError(self.said)
        return super().forward(x)


LATE = False
"""

OWN = (
    "fit",
    "model=module",
    "model.net._target_=own_net.Net",
    "+model.net.api_key=${oc.env:SERVICE_KEY}",
    "+model.net.address=${oc.env:ADDRESS}",
    "model.image_size=8",
    "trust=[own_net]",
    "trainer=smoke",
    "strategy=full",
    *FEW,
)


def holding(folder: Path) -> list[str]:
    """The files of a folder, and their names, that hold the canary."""
    found = [path for path in folder.rglob("*") if path.is_file() and b"c4n4ry" in path.read_bytes()]
    return [str(path.relative_to(folder)) for path in found]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "own_net.py").write_text(NET)
    return folder


def test_neither_a_run_nor_its_bundle_report_or_events_hold_a_secret(command: Server, home: Path) -> None:
    words = (*OWN, "logger=tensorboard", "run_dir=run")
    result = command.run(home, *words, SERVICE_KEY=CANARY, ADDRESS=ADDRESS)
    assert result.code == 0, result.err
    assert (home / "run" / "report.html").is_file() and list((home / "run" / "tensorboard").iterdir())
    assert holding(home) == []
    assert "${oc.env:SERVICE_KEY}" in (home / "run" / "bundle" / "bundle.json").read_text()
    scored = command.run(home, "test", "run", "trust=[own_net]", SERVICE_KEY=CANARY, ADDRESS=ADDRESS)
    assert scored.code == 0, scored.err
    assert holding(home) == []


def test_a_run_that_fails_holds_none_in_its_state_or_crash_log(command: Server, home: Path) -> None:
    (home / "own_net.py").write_text(NET.replace("LATE = False", "LATE = True"))
    result = command.run(home, *OWN, "run_dir=run", SERVICE_KEY=CANARY, ADDRESS=ADDRESS)
    assert result.code == 70
    assert "c4n4ry" not in result.err.replace(str(home), "") and "${oc.env:SERVICE_KEY}" in result.err
    assert "${oc.env:SERVICE_KEY}" in (home / "run" / "crash.log").read_text()
    assert holding(home) == []


def test_a_sweep_holds_none_in_its_files_pages_or_jobs(command: Server, home: Path) -> None:
    words = ("fit", "-m", *OWN[1:], "seed=0,-1", "sweep_dir=sweep")
    result = command.run(home, *words, SERVICE_KEY=CANARY, ADDRESS=ADDRESS)
    assert result.code == 8, result.err
    assert (home / "sweep" / "sweep.html").is_file()
    assert "c4n4ry" not in result.err + result.out
    assert holding(home) == []


@pytest.mark.parametrize(
    "word",
    [
        f"+data.api_key={CANARY}",
        f"+data.net={{deep: [{{password: {CANARY}}}]}}",
        f"data.augment='https://u:{CANARY}@h'",
        f"run_dir='https://u:{CANARY}@h'",
        f"+data.token=a,{CANARY}",
    ],
)
@pytest.mark.parametrize("sweep", [(), ("-m",)])
def test_a_literal_secret_is_written_nowhere_and_said_nowhere(
    command: Server, tmp_path: Path, word: str, sweep: tuple[str, ...]
) -> None:
    result = command.run(tmp_path, "fit", *sweep, *SMOKE, word, TMPDIR=str(tmp_path))
    assert result.code == 2
    assert CANARY not in result.err + result.out
    assert len(result.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
