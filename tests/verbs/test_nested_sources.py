"""Sources made of others go the whole way: fit, test, predict, and a resume from another folder."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.command import SMOKE, Server


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for shade, name in enumerate(("ant", "bee", "cat")):
        for number in range(10):
            path = folder / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), 70 * shade + number).save(path)
    return folder


def cut_off(run: Path) -> None:
    """As if the run had been killed in its conclusion."""
    (run / "summary.json").unlink()
    state = json.loads((run / "state.json").read_text()) | {"status": "interrupted"}
    (run / "state.json").write_text(json.dumps(state))


def test_some_classes_of_a_folder(command: Server, photos: Path, tmp_path: Path) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    of = ("data@data.of=folder", "data.of.root=photos", "data.of.train=null")
    words = ("data=by_classes", *of, "data.classes=[cat,ant]", "data.names=[yes,no]", "run_dir=run")
    result = command.run(tmp_path, "fit", *SMOKE, *words, **cache)
    assert result.code == 0, result.err
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert f"root: {photos}\n" in (run / "config.yaml").read_text()
    summary = json.loads((run / "summary.json").read_text())
    scored = command.run(elsewhere, "test", str(run), **cache)
    assert f"accuracy {summary['test/accuracy']:.4f}, " in scored.out, scored.err
    other = command.run(elsewhere, "test", str(run), "data.of.split_seed=7", **cache)
    assert (other.code, "are among those that the run was trained" in other.err) == (3, True), other.err
    predicted = command.run(elsewhere, "predict", str(run), str(photos / "bee"), "out=out.csv", **cache)
    assert (predicted.code, "10 predictions" in predicted.out) == (0, True), predicted.err
    rows = (elsewhere / "out.csv").read_text().splitlines()[1:]
    assert {row.split(",")[1] for row in rows} <= {"yes", "no"}

    cut_off(run)
    assert command.run(elsewhere, "resume", str(run), **cache).code == 0
    cut_off(run)
    photos.rename(tmp_path / "moved")
    gone = command.run(elsewhere, "resume", str(run), **cache)
    assert (gone.code, "Try: data.of.root=DIR" in gone.err) == (3, True), gone.err
    moved = command.run(elsewhere, "resume", str(run), "data.of.root=../moved", **cache)
    assert moved.code == 0, moved.err
    assert f"root: {tmp_path / 'moved'}\n" in (run / "config.yaml").read_text()
    cut_off(run)
    Image.new("L", (8, 8), 255).save(tmp_path / "moved" / "cat" / "3.png")
    edited = command.run(elsewhere, "resume", str(run), **cache)
    assert (edited.code, "changed: cat/3.png" in edited.err) == (3, True), edited.err
    Image.new("L", (8, 8), 255).save(tmp_path / "moved" / "bee" / "3.png")
    Image.new("L", (8, 8), 143).save(tmp_path / "moved" / "cat" / "3.png")
    assert command.run(elsewhere, "resume", str(run), **cache).code == 0, "a bee is none of its samples"


@pytest.mark.slow
def test_permuted_images(command: Server, tmp_path: Path) -> None:
    words = ("data=permuted", "data.order_seed=3", "data.pad=2", "run_dir=run")
    result = command.run(tmp_path, "fit", *SMOKE, *words)
    assert result.code == 0, result.err
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert f"accuracy {summary['test/accuracy']:.4f}, " in command.run(tmp_path, "test", "run").out
    other = command.run(tmp_path, "test", "run", "data.order_seed=4")
    assert (other.code, "360 samples" in other.out or "359 samples" in other.out) == (0, True), other.err
    cut_off(tmp_path / "run")
    changed = command.run(tmp_path, "resume", "run", "data.order_seed=4")
    assert (changed.code, "data.order_seed=3 there and 4 here" in changed.err) == (2, True), changed.err
    assert command.run(tmp_path, "resume", "run").code == 0


def test_joined_folders(command: Server, photos: Path, tmp_path: Path) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    shutil.copytree(photos / "cat", tmp_path / "more" / "cat")
    shutil.move(photos / "bee", tmp_path / "more" / "bee")
    shutil.rmtree(photos / "cat")
    shutil.copytree(photos / "ant", photos / "dog")
    for number, path in enumerate((photos / "dog").iterdir()):
        Image.new("L", (8, 8), 220 + number).save(path)
    node = "{_target_: tlx.data.folder.Folder, root: %s, train: null}"
    of = f"data.of=[{node % 'photos'}, {node % 'more'}]"
    result = command.run(tmp_path, "fit", *SMOKE, "data=joined", of, "run_dir=run", **cache)
    assert result.code == 0, result.err
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    elsewhere.mkdir()
    record = json.loads((run / "data.json").read_text())
    assert record["classes"] == ["ant", "dog", "bee", "cat"]
    scored = command.run(elsewhere, "test", str(run), **cache)
    assert scored.code == 0, scored.err
    cut_off(run)
    (tmp_path / "more").rename(tmp_path / "moved")
    gone = command.run(elsewhere, "resume", str(run), **cache)
    assert (gone.code, "Try: data.of.1.root=DIR" in gone.err) == (3, True), gone.err
    moved = command.run(elsewhere, "resume", str(run), "data.of.1.root=../moved", **cache)
    assert moved.code == 0, moved.err


def test_a_value_of_the_wrong_kind_inside_is_named_by_its_key(command: Server, tmp_path: Path) -> None:
    for word, said in (
        ("data.of.split_seed=many", "data.of.split_seed='many' is not usable. Expected a whole number"),
        ("data.of.split_sed=1", "no key 'data.of.split_sed'"),
        ("data.classes=[0,11]", "no class '11'"),
    ):
        result = command.run(tmp_path, "fit", *SMOKE, "data=by_classes", "data.classes=[0,1]", word)
        assert (result.code, said in result.err) == (2, True), result.err
