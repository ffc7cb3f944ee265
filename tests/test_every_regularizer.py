"""What holds on to old knowledge is resumed exactly, alone and together, and with a kept frozen part."""

import functools
import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.faults.jobs import BY_EPOCHS
from tests.faults.outcome import differences, epochs, outcome
from tests.faults.processes import run_process
from tlx.cache.settings import CacheSettings
from tlx.job import NOTHING_KEPT
from tlx.regularizers.ewc import EWC
from tlx.regularizers.kl import KL
from tlx.regularizers.l2sp import L2SP
from tlx.regularizers.lwf import LwF
from tlx.regularizers.replay import Replay
from tlx.strategies.partial import partial

KILLED = -9
SOURCE = 40
UPPER = functools.partial(partial, unfrozen=1, epochs=3, backbone_rate=3e-2, head_rate=3e-2)
REGULARIZERS: dict[str, tuple[Any, ...]] = {
    "ewc": (functools.partial(EWC, strength=50.0, samples=20),),
    "l2sp": (functools.partial(L2SP, strength=0.3),),
    "lwf": (functools.partial(LwF, samples=20),),
    "lwf on the target": (functools.partial(LwF, inputs="target"),),
    "kl": (functools.partial(KL, samples=20),),
    "replay": (functools.partial(Replay, samples=12, selection="balanced", ratio=0.5),),
}
REGULARIZERS["all together"] = tuple(
    made for name, together in list(REGULARIZERS.items()) if "target" not in name for made in together
)
TOGETHER_AND_ALONE = [
    name if name in ("ewc", "all together") else pytest.param(name, marks=pytest.mark.slow)
    for name in REGULARIZERS
]
MOMENTS = [("before tlx.training.note_before", 0), ("on_train_batch_end", 24)]
MORE_MOMENTS = [("on_train_batch_end", 4), ("on_train_end", 0)]


@pytest.mark.parametrize("name", TOGETHER_AND_ALONE)
def test_a_run_that_holds_on_is_resumed_to_the_bit(name: str, tmp_path: Path) -> None:
    job = {"strategy": BY_EPOCHS, "regularizers": REGULARIZERS[name], "knows": SOURCE}
    assert run_process(tmp_path / "whole", **job) == [0]
    terms = {f"train/{made.func.name}" for made in REGULARIZERS[name]}
    assert all(float(epochs(tmp_path / "whole")[-1][term]) > 0 for term in terms)
    for moment in MOMENTS + (MORE_MOMENTS if name == "all together" else []):
        assert run_process(tmp_path / "killed", kill=moment, **job) == [KILLED], moment
    assert run_process(tmp_path / "killed", workers=1, **job) == [0]
    assert differences(outcome(tmp_path / "killed"), outcome(tmp_path / "whole")) == []


@pytest.mark.parametrize(
    "moment",
    [
        ("after tlx.functional.fisher.DiagonalFisher.add", 1),
        ("before tlx.regularizers.ewc.save_file", 0),
        ("after tlx.regularizers.ewc.write_durably", 0),
    ],
)
def test_a_kill_around_the_fisher_information_is_resumed_to_the_bit(
    moment: tuple[str, int], tmp_path: Path
) -> None:
    job = {"strategy": UPPER, "regularizers": REGULARIZERS["ewc"], "knows": SOURCE}
    assert run_process(tmp_path / "whole", **job) == [0]
    assert run_process(tmp_path / "killed", kill=moment, **job) == [KILLED]
    assert (tmp_path / "killed/known/ewc.safetensors").exists() == ("write_durably" in moment[0])
    assert run_process(tmp_path / "killed", **job) == [0]
    assert differences(outcome(tmp_path / "killed"), outcome(tmp_path / "whole")) == []
    written = [folder / "known/ewc.safetensors" for folder in (tmp_path / "killed", tmp_path / "whole")]
    assert written[0].read_bytes() == written[1].read_bytes()


def test_two_ranks_hold_on_together(tmp_path: Path) -> None:
    job = {"strategy": BY_EPOCHS, "regularizers": REGULARIZERS["all together"], "knows": SOURCE}
    assert run_process(tmp_path / "whole", ranks=2, **job) == [0, 0]
    kill = ("on_train_batch_end", 10)
    assert run_process(tmp_path / "killed", ranks=2, kill=kill, **job) == [KILLED, KILLED]
    assert run_process(tmp_path / "killed", ranks=2, **job) == [0, 0]
    assert differences(outcome(tmp_path / "killed"), outcome(tmp_path / "whole")) == []


@pytest.mark.slow
def test_each_changes_what_is_learned(tmp_path: Path) -> None:
    weights = set()
    for name, made in [*REGULARIZERS.items(), ("none", ())]:
        folder = tmp_path / name
        assert run_process(folder, strategy=UPPER, regularizers=made, knows=SOURCE) == [0]
        weights.add(outcome(folder)["weights"])
    assert len(weights) == len(REGULARIZERS) + 1


@pytest.mark.parametrize("name", [pytest.param("lwf on the target", marks=pytest.mark.slow), "all together"])
def test_a_kept_frozen_part_changes_no_bit(name: str, tmp_path: Path) -> None:
    job: dict[str, Any] = {"strategy": UPPER, "regularizers": REGULARIZERS[name], "knows": SOURCE}
    job |= {"augment": "none"}
    kept = CacheSettings(ram=0.0, disk=1.0, folder=str(tmp_path / "features"))
    assert run_process(tmp_path / "anew", **job) == [0]
    assert run_process(tmp_path / "kept", cache=kept, **job) == [0]
    assert list((tmp_path / "features").glob("*/meta.json"))
    assert differences(outcome(tmp_path / "kept"), outcome(tmp_path / "anew")) == []


def forbid(path: str) -> None:
    """Have a call of this process end it."""
    home, _, name = path.rpartition(".")
    setattr(importlib.import_module(home), name, None)


def shares(folder: Path) -> int:
    """The entries of a cache that are no frozen parts."""
    return sum("of" in json.loads(path.read_text())["what"] for path in folder.glob("*/meta.json"))


@pytest.mark.parametrize("ranks", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_fisher_information_of_another_run_is_the_one_that_is_computed(ranks: int, tmp_path: Path) -> None:
    kept = CacheSettings(ram=0.0, disk=1.0, folder=str(tmp_path / "features"))
    job: dict[str, Any] = {"strategy": UPPER, "regularizers": REGULARIZERS["ewc"], "knows": SOURCE}
    job |= {"ranks": ranks, "augment": "none"}
    for word, cache in (("alone", NOTHING_KEPT), ("first", kept), ("second", kept)):
        assert set(run_process(tmp_path / word, cache=cache, **job)) == {0}
        assert shares(tmp_path / "features") == (word != "alone")
        said = "Fisher information was computed by another run" in (tmp_path / word / "log.txt").read_text()
        assert said == (word == "second")
        assert differences(outcome(tmp_path / word), outcome(tmp_path / "alone")) == []
    stronger = {"regularizers": (functools.partial(EWC, strength=5.0, samples=20),)}
    assert set(run_process(tmp_path / "weaker", cache=kept, **job | stronger)) == {0}
    assert shares(tmp_path / "features") == 1
    words = ("alone", "first", "second", "weaker")
    assert len({(tmp_path / word / "known/ewc.safetensors").read_bytes() for word in words}) == 1


@pytest.mark.parametrize(
    ("moment", "evicted"),
    [
        (("before tlx.cache.shared.write_durably", 0), False),
        pytest.param(("after tlx.cache.shared.write_durably", 0), True, marks=pytest.mark.slow),
        (("on_train_batch_end", 4), True),
    ],
)
def test_a_kill_around_a_copied_fisher_information_is_resumed_to_the_bit(
    moment: tuple[str, int], evicted: bool, tmp_path: Path
) -> None:
    kept = CacheSettings(ram=0.0, disk=1.0, folder=str(tmp_path / "features"))
    job: dict[str, Any] = {"strategy": UPPER, "regularizers": REGULARIZERS["ewc"], "knows": SOURCE}
    assert run_process(tmp_path / "whole", cache=kept, **job) == [0]
    assert run_process(tmp_path / "killed", kill=moment, cache=kept, **job) == [KILLED]
    if evicted:
        shutil.rmtree(tmp_path / "features")
    prepare = functools.partial(forbid, "tlx.regularizers.ewc.DiagonalFisher")
    assert run_process(tmp_path / "killed", prepare=prepare, cache=kept, **job) == [0]
    assert differences(outcome(tmp_path / "killed"), outcome(tmp_path / "whole")) == []


def test_a_source_alone_tells_what_is_forgotten(tmp_path: Path) -> None:
    assert run_process(tmp_path, strategy=UPPER, knows=SOURCE) == [0]
    summary = json.loads((tmp_path / "summary.json").read_text())
    before, after = summary["source/accuracy_before"], summary["source/accuracy_after"]
    assert summary["source/forgetting"] == before - after
    assert summary["source/samples"] == 17
    assert before * 17 == pytest.approx(round(before * 17))


def test_another_source_is_noticed_when_a_run_goes_on(tmp_path: Path) -> None:
    job: dict[str, Any] = {"strategy": UPPER, "regularizers": REGULARIZERS["replay"]}
    assert run_process(tmp_path, kill=("on_train_batch_end", 4), knows=SOURCE, **job) == [KILLED]
    assert run_process(tmp_path, knows=SOURCE - 1, **job) == [1]
    assert not (tmp_path / "summary.json").exists()
    assert run_process(tmp_path, knows=SOURCE, **job) == [0]
