import os
from pathlib import Path

import pytest

from tlx.errors import CheckpointError, SecurityError
from tlx.run.entries import refuse_links, refuse_other_kinds


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "bundle" / "architecture").mkdir(parents=True)
    (folder / "log.txt").touch()
    return folder


@pytest.mark.parametrize("name", ["known", "bundle/model.safetensors", "bundle/architecture/config.json"])
def test_a_link_that_leads_out_is_found_at_any_depth(run: Path, name: str) -> None:
    refuse_links(run)
    (run / name).symlink_to(run.parent)
    with pytest.raises(SecurityError, match="is a link that leads out of the run"):
        refuse_links(run)


def test_links_inside_and_to_the_directory_itself_are_no_way_out(run: Path) -> None:
    (run / "same").symlink_to("log.txt")
    (run / "gone").symlink_to("nothing")
    (run / "loop").symlink_to("loop")
    (run.parent / "name").symlink_to(run)
    refuse_links(run.parent / "name")
    refuse_links(run.parent / "missing")


def test_of_a_sweep_only_its_own_levels_are_looked_at(run: Path) -> None:
    (run / "bundle" / "architecture" / "deep").symlink_to("/")
    refuse_links(run, depth=2)
    (run / "bundle" / "near").symlink_to("/")
    with pytest.raises(SecurityError, match="out of the sweep"):
        refuse_links(run, depth=2)


def test_a_folder_or_a_pipe_is_no_file_and_a_file_no_folder(run: Path) -> None:
    refuse_other_kinds(run)
    (run / "plan.json").mkdir()
    with pytest.raises(CheckpointError, match="plan.json is no file"):
        refuse_other_kinds(run)
    (run / "plan.json").rmdir()
    os.mkfifo(run / "state.json")
    with pytest.raises(CheckpointError, match="state.json is no file"):
        refuse_other_kinds(run)
    (run / "state.json").unlink()
    (run / "checkpoints").touch()
    with pytest.raises(CheckpointError, match="checkpoints is no folder"):
        refuse_other_kinds(run)
