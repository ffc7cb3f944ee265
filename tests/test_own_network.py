"""A network of somebody's in a folder of theirs, by the command alone: it is run only where it is trusted."""

import json
import shutil
import textwrap
from pathlib import Path

import pytest
import torch

import tlx
from tests.command import FEW, Result, Server
from tests.faults.outcome import differences, outcome
from tlx.errors import SecurityError

NETWORK = """
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Net(nn.Module):
        def __init__(self, width=4):
            super().__init__()
            self.low = nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.ReLU())
            self.high = nn.Conv2d(width, width, 3)
            self.drop = nn.Dropout(0.2)
            self.out = nn.Linear(width * 4 * 4, 7)

        def forward(self, x):
            return F.log_softmax(self.out(self.drop(self.high(self.low(x)).relu()).flatten(1)), 1)
"""
MODEL = ("model=module", "model.net._target_=mine.Net", "+model.net.width=3", "model.image_size=8")
SHORT = ("model.weights=odd.pth", *FEW, "strategy.epochs_per_phase=1", "strategy.head_epochs=1", "page=false")
TRUST = "trust=[mine]"


def write(folder: Path) -> None:
    """The network and its weights, wrapped as training scripts leave them."""
    (folder / "mine.py").write_text(textwrap.dedent(NETWORK))
    values = torch.Generator().manual_seed(3)
    shapes = {"low.0": (3, 1, 3, 3), "high": (3, 3, 3, 3), "out": (7, 48)}
    state = {f"module.{name}.weight": torch.randn(shape, generator=values) for name, shape in shapes.items()}
    state |= {f"module.{name}.bias": torch.zeros(shape[0]) for name, shape in shapes.items()}
    norm = {"weight": torch.ones(3), "bias": torch.zeros(3), "running_mean": torch.zeros(3)}
    state |= {f"module.low.1.{name}": tensor for name, tensor in norm.items()}
    torch.save({"net": state, "epoch": 3}, folder / "odd.pth")


@pytest.fixture(scope="module")
def home(command: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    write(folder)
    result = command.run(folder, "fit", *MODEL, *SHORT, TRUST, "trainer=cpu", "run_dir=run")
    assert result.code == 0, result.err
    assert "odd.pth does not fit to the last tensor: 1 missing (low.1.running_var)" in result.err
    return folder


def refused(result: Result) -> bool:
    return result.code == 7 and "trust=[mine]" in result.err


def test_a_run_knows_the_network_by_its_name_and_where_its_weights_came_from(home: Path) -> None:
    summary = json.loads((home / "run" / "summary.json").read_text())
    assert summary["model"] == "Net"
    assert summary["weights"].startswith("odd.pth, sha256 ")
    assert summary["weights"].endswith(", 1 tensor missing")
    assert "trust" not in (home / "run" / "config.yaml").read_text()
    plan = json.loads((home / "run" / "plan.json").read_text())
    assert plan["stages"] == ["low", "high"]


def test_each_verb_asks_for_trust_anew(command: Server, home: Path) -> None:
    assert refused(command.run(home, "fit", *MODEL, "trainer=smoke", "run_dir=never"))
    assert not (home / "never").exists()
    for words in (("test", "run"), ("predict", "run", "split=test", "out=out.csv")):
        assert refused(command.run(home, *words))
        result = command.run(home, *words, TRUST)
        assert result.code == 0, result.err


def test_python_asks_for_trust_as_well(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setattr("sys.path", ["/nowhere", *__import__("sys").path])
    with pytest.raises(SecurityError, match=r"tlx\.load\(RUN, trust=\['mine'\]\)"):
        tlx.load("run")
    network, _ = tlx.load("run", trust=["mine"])
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_a_resume_ends_in_the_same_bits_and_asks_for_trust(
    command: Server, home: Path, tmp_path: Path
) -> None:
    write(tmp_path)
    left = tmp_path / "run"
    shutil.copytree(home / "run", left)
    (left / "summary.json").unlink()
    kept = sorted((left / "checkpoints").glob("*.ckpt"))
    assert kept
    state = json.loads((left / "state.json").read_text()) | {"status": "interrupted"}
    (left / "state.json").write_text(json.dumps(state))
    assert refused(command.run(tmp_path, "resume", "run"))
    result = command.run(tmp_path, "resume", "run", TRUST)
    assert result.code == 0, result.err
    assert differences(outcome(left), outcome(home / "run")) == []


def test_a_sweep_runs_it_and_does_not_write_the_trust_down(command: Server, home: Path) -> None:
    sweep = (*FEW, "strategy=full", "trainer=smoke", "page=false", "sweep_dir=sweep")
    result = command.run(home, "fit", "-m", *MODEL, TRUST, *sweep)
    assert result.code == 0, result.err
    assert "trust" not in (home / "sweep" / "sweep.json").read_text()
    job = next((home / "sweep" / "jobs").iterdir())
    (job / "state.json").write_text('{"status": "interrupted", "resumes": 0}')
    assert command.run(home, "resume", "sweep", TRUST).code == 0


def test_another_run_starts_from_it_and_goes_on_from_its_own_checkpoints(
    command: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ("fit", *MODEL, *FEW, TRUST, "trainer=smoke", "strategy=feature_extraction", "page=false")
    result = command.run(home, *argv, "init_from=run", "run_dir=second")
    assert result.code == 0, result.err
    summary = json.loads((home / "second" / "summary.json").read_text())
    meta = json.loads((home / "run" / "bundle" / "bundle.json").read_text())
    assert summary["weights"] == f"run run, sha256 {meta['weights_sha256'][:12]}"
    monkeypatch.syspath_prepend(home)
    first, _ = tlx.load(home / "run", trust=["mine"])
    second, _ = tlx.load(home / "second", trust=["mine"])
    mine, theirs = second.backbone.net.state_dict(), first.backbone.net.state_dict()
    assert all(torch.equal(mine[name], tensor) for name, tensor in theirs.items())
