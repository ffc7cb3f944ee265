"""Every kind of damage to a checkpoint is found, said in a line, and the one before it is taken."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.command import Server
from tests.faults.outcome import differences, outcome
from tests.faults.processes import run_process
from tests.faults.writing import DAMAGE, cut, flip
from tests.verbs.conftest import finished
from tlx.checkpoint.durable import SUFFIX, checkpoints, file_hash, newest, read

__all__ = ["finished"]

Damage = Callable[[Path], object]

SOME = {name: DAMAGE[name] for name in ("cut off", "a directory", "a link to nothing", "gone")}
"""For whole runs; every kind is tried where that is cheap."""


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    assert run_process(folder) == [0]
    return folder


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Killed in the first epoch of a phase that is not the first, with two checkpoints."""
    folder = tmp_path_factory.mktemp("killed")
    assert run_process(folder, kill=("on_train_batch_end", 13)) == [-9]
    return folder


@pytest.mark.parametrize("damage", SOME.values(), ids=SOME)
def test_a_damaged_newest_checkpoint_costs_an_interval_and_no_bit(
    never_killed: Path, killed: Path, tmp_path: Path, damage: Damage
) -> None:
    run = tmp_path / "run"
    shutil.copytree(killed, run)
    newer = checkpoints(run / "checkpoints")[-1]
    damage(newer)
    assert run_process(run) == [0]
    assert differences(outcome(run), outcome(never_killed)) == []
    lines = [line for line in (run / "log.txt").read_text().splitlines() if "cannot be used" in line]
    assert len(lines) == (0 if damage is DAMAGE["gone"] else 1)
    assert all(newer.name in line and "going on from the one before" in line for line in lines)


def test_a_run_whose_checkpoints_are_all_gone_says_that_it_begins_anew(
    never_killed: Path, killed: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(killed, run)
    for path in checkpoints(run / "checkpoints"):
        path.unlink()
    assert run_process(run) == [0]
    assert differences(outcome(run), outcome(never_killed)) == []
    said = "there is no checkpoint to go on from; the run begins anew"
    assert (run / "log.txt").read_text().splitlines().count(said) == 1
    assert said not in (never_killed / "log.txt").read_text()


@pytest.mark.parametrize("damage", [DAMAGE["a flipped bit"], DAMAGE["a directory"]])
def test_damaged_best_weights_are_made_again_from_the_checkpoint_before_them(
    never_killed: Path, tmp_path: Path, damage: Damage
) -> None:
    run = tmp_path / "run"
    assert run_process(run, kill=("on_train_epoch_start", 2)) == [-9]
    older, newer = checkpoints(run / "checkpoints")
    best = read(newer)["callbacks"]["Finetuning"]["best"]["phase"]["file"]
    assert best not in read(older)["callbacks"]["Finetuning"]["best"].get("phase", {}).values()
    damage(run / "checkpoints" / best)
    assert run_process(run) == [0]
    assert differences(outcome(run), outcome(never_killed)) == []


def test_two_hundred_flipped_bits_and_every_sixteenth_of_a_length_are_found(
    never_killed: Path, tmp_path: Path
) -> None:
    source = checkpoints(never_killed / "checkpoints")[-1]
    for path in (source, source.with_name(f"{source.name}.sha256"), *source.parent.glob("*.safetensors")):
        shutil.copy(path, tmp_path)
    assert newest(tmp_path) == tmp_path / source.name
    needed = sorted(path for path in tmp_path.iterdir() if path.suffix in (SUFFIX, ".safetensors"))
    draw = random.Random(1)

    def found(path: Path, damage: Damage) -> bool:
        before = path.read_bytes()
        damage(path)
        try:
            newest(tmp_path)
        except Exception:
            return True
        finally:
            path.write_bytes(before)
        return False

    in_use = [path for path in needed if path.suffix == SUFFIX or found(path, lambda p: flip(p, 0))]
    assert len(in_use) >= 2
    flips = [
        (path, draw.randrange(8 * path.stat().st_size)) for path in in_use for _ in range(200 // len(in_use))
    ]
    assert all(found(path, lambda p, bit=bit: flip(p, bit)) for path, bit in flips)
    for path in in_use:
        assert all(found(path, lambda p, part=part: cut(p, part / 16)) for part in range(16))
    assert newest(tmp_path) == tmp_path / source.name


@pytest.fixture
def cut_off(finished: Path, tmp_path: Path) -> Path:
    """A run of the command that counts as interrupted after its last checkpoint."""
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    state = json.loads((run / "state.json").read_text()) | {"status": "interrupted"}
    (run / "state.json").write_text(json.dumps(state))
    return run


def rewrite(run: Path, change: Callable[[dict], object]) -> None:
    """Change what the checkpoints hold, and give them the hash of that."""
    for path in checkpoints(run / "checkpoints"):
        content = torch.load(path, weights_only=False)
        change(content)
        torch.save(content, path)
        sidecar = path.with_name(f"{path.name}.sha256")
        first, *others = sidecar.read_text().splitlines()
        sidecar.write_text("\n".join([f"{file_hash(path)}  {path.name}", *others]) + "\n")
        assert first.endswith(path.name)


def another_head(content: dict) -> None:
    state = content["state_dict"]
    for name in list(state)[:5]:
        state[f"{name}.old"] = state.pop(name)


def refused(command: Server, run: Path, code: int, *said: str) -> None:
    result = command.run(run.parent, "resume", "run")
    lines = result.err.splitlines()
    assert (result.code, len(lines)) == (code, 1), result.err
    for words in said:
        assert words in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("damage", [name for name in DAMAGE if name != "gone"])
def test_where_every_checkpoint_is_damaged_nothing_is_made_up(
    command: Server, cut_off: Path, damage: str
) -> None:
    for path in checkpoints(cut_off / "checkpoints"):
        DAMAGE[damage](path)
    refused(command, cut_off, 4, "checkpoints are damaged", "Try: start the run anew")
    refused(command, cut_off, 4, "checkpoints are damaged")


def test_a_checkpoint_of_another_network_or_other_classes_is_refused_with_what_differs(
    command: Server, cut_off: Path
) -> None:
    rewrite(cut_off, lambda content: content.update(classes=["zero", *content["classes"][1:]]))
    refused(command, cut_off, 4, "1 classes differ: 'zero' there and '0' here at 0")
    rewrite(cut_off, lambda content: content.update(classes=[str(n) for n in range(10)]))
    rewrite(cut_off, another_head)
    refused(command, cut_off, 4, "10 names or shapes of tensors differ", "only here; ")


@pytest.mark.parametrize("what", ["checkpoint", "plan", "state"])
def test_what_a_newer_tlx_made_is_refused_with_both_versions(
    command: Server, cut_off: Path, what: str
) -> None:
    newer = {"format": 1, "tlx": "99.0.1"}
    if what == "checkpoint":
        rewrite(cut_off, lambda content: content.update(tlx=newer))
    else:
        path = cut_off / f"{what}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"made_by": newer}))
    refused(command, cut_off, 4, "was made by tlx 99.0.1, this is ")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"phases": 1}', '{"phases": [{}], "stages": []}'])
def test_a_damaged_plan_is_refused(command: Server, cut_off: Path, content: str) -> None:
    (cut_off / "plan.json").write_text(content)
    refused(command, cut_off, 4, "plan.json")
