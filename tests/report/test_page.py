import json
import re
import subprocess
import sys

import pytest

from tests.report.page_reader import read
from tlx.errors import CheckpointError
from tlx.report.formats import DASH
from tlx.report.page import write_page

FILES = [
    "config.yaml",
    "state.json",
    "plan.json",
    "phases.json",
    "metrics.csv",
    "summary.json",
    "evaluation.json",
]


def test_the_page_says_the_result_its_interval_and_where_it_comes_from(run_maker, tmp_path):
    run = run_maker(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    page = read(run)
    assert f"{100 * summary['test/accuracy']:.1f} %" in page.words
    assert "95 % interval" in page.words and "60 samples" in page.words
    assert "Weights of epoch 9, the best by val/accuracy" in page.words
    assert "The test samples chose nothing" in page.words
    assert page.open == []


def test_a_mistake_shows_the_end_of_its_path_and_the_whole_on_demand(run_maker, tmp_path):
    page = read(run_maker(tmp_path / "run", test=False, classes=["<ants>", "bees"], epochs=0))
    assert "<ants>/image_0.jpg" in page.words
    assert "/data/insects" not in page.text.replace(page.text[page.text.index("model:") :], "")
    titles = [attributes.get("title") for tag, attributes in page.tags if tag == "bdi"]
    assert "/data/insects/val/<ants>/image_0.jpg" in titles


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("/data/hymenoptera/", "folder hymenoptera"),
        (".", "folder"),
        ("null", "folder"),
        ("/folder", "folder"),
    ],
)
def test_the_data_is_said_with_the_name_of_its_folder(run_maker, tmp_path, root, said):
    run = run_maker(tmp_path / "run", test=False, epochs=0)
    (run / "evaluation.json").unlink()
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("root: /data/insects", f"root: {root}"))
    words = read(run).words
    assert words.startswith(f"resnet18 on {said}, gradual_unfreezing")
    assert f"Data {said} Task multiclass" in words


def test_the_curve_of_a_monitored_figure_is_drawn_beside_loss_and_headline(run_maker, tmp_path):
    run = run_maker(tmp_path / "run", test=False)
    before = read(run)
    (run / "summary.json").write_text(
        (run / "summary.json").read_text().replace('"val/accuracy",', '"val/f1",')
    )
    after = read(run)
    drawn = [[a["aria-label"] for tag, a in page.tags if tag == "svg"] for page in (before, after)]
    assert drawn[0][:3] == ["loss over epochs", "accuracy over epochs", "what trained when, at which rate"]
    assert drawn[1][:3] == ["loss over epochs", "accuracy over epochs", "macro F1 over epochs"]


def test_where_the_last_epoch_counts_validation_chose_nothing(run_maker, tmp_path):
    run = run_maker(tmp_path / "run", test=False)
    text = (run / "summary.json").read_text()
    (run / "summary.json").write_text(text.replace('"monitor": "val/accuracy"', '"monitor": "epoch"'))
    words = read(run).words
    assert "Weights of epoch 9, the last. No sample of val chose any weights." in words
    assert "chose the epoch" not in words and "by epoch" not in words and "best epoch 9 at" not in words


def test_what_regularizers_added_is_drawn_where_there_are_some(run_maker, tmp_path):
    drawn = 'aria-label="what regularizers added to the loss over epochs"'
    run = run_maker(tmp_path / "run")
    assert drawn not in write_page(run).read_text(encoding="utf-8")
    metrics = run / "metrics.csv"
    header, *rows = metrics.read_text().splitlines()
    metrics.write_text("\n".join([f"{header},train/ewc", *(f"{row},0.5" for row in rows)]) + "\n")
    assert drawn in write_page(run).read_text(encoding="utf-8")


def test_without_a_test_split_the_page_says_that_validation_chose_the_epoch(run_maker, tmp_path):
    words = read(run_maker(tmp_path / "run", test=False)).words
    assert "Validation accuracy" in words
    assert "leans to the good side; there is no test split" in words
    assert "Test accuracy" not in words


def test_the_page_says_what_trained_when_and_why_it_ended(run_maker, tmp_path):
    words = read(run_maker(tmp_path / "run")).words
    for part in (
        f"1{DASH}4",
        f"5{DASH}7",
        f"8{DASH}12",
        "head 0.001",
        "layer4 0.0003",
        "layer2 (norms only) 0.0001",
        f"stem{DASH}layer4",
        "8.4 M (75 %)",
        "its 4 epochs are over",
        "no better val/accuracy for 3 epochs; its best weights came back",
    ):
        assert part in words


def test_the_page_needs_no_other_file_and_no_script(run_maker, tmp_path, hostile_names):
    page = read(run_maker(tmp_path / "run", classes=hostile_names))
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "form"}
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;")
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/"))


def test_hostile_names_show_as_text(run_maker, tmp_path, hostile_names):
    page = read(run_maker(tmp_path / "run", classes=hostile_names))
    for shown in (
        "<script>alert(1)</script>",
        "quotes ' \" & ampersand",
        "🦜🏳️‍🌈 emoji",
        "{{ 7 * 7 }}",
        "(empty)",
    ):
        assert shown in page.text
    assert "\u202e" not in page.text and "\x1b" not in page.text
    assert "x" * 60 not in page.text
    assert page.open == []


def test_names_of_files_that_are_no_unicode_are_written(run_maker, tmp_path):
    assert (
        write_page(run_maker(tmp_path / "run", classes=["a\udcff", "b\udc80"])).read_bytes().decode("utf-8")
    )


@pytest.mark.parametrize(("classes", "numbered"), [(2, True), (20, True), (21, False), (130, False)])
def test_many_classes_are_shades_and_pairs_few_are_numbers(run_maker, tmp_path, classes, numbered):
    names = [f"class {i}" for i in range(classes)]
    page = read(run_maker(tmp_path / "run", classes=names, per_class=8, test=False))
    cells = [a for tag, a in page.tags if tag == "td" and re.match("right|wrong", a.get("class") or "")]
    assert len(cells) == (classes**2 if numbered else 0)
    assert ("Most confused pairs" in page.text) is not numbered


def test_mistakes_are_pictures_or_texts(run_maker, tmp_path):
    pictures = read(run_maker(tmp_path / "images"))
    assert (
        len([1 for tag, a in pictures.tags if tag == "img" and a["src"].startswith("data:image/png")]) == 24
    )
    assert len([1 for tag, a in pictures.tags if tag == "img" and a.get("class") == "pixelated"]) == 12
    texts = read(run_maker(tmp_path / "texts", kind="text"))
    assert "a film that <b>means</b> well & goes nowhere" in texts.text
    assert "img" not in {tag for tag, _ in texts.tags}


def test_an_image_from_elsewhere_is_not_shown(run_maker, tmp_path):
    run = run_maker(tmp_path / "run")
    raw = json.loads((run / "evaluation.json").read_text())
    for split in raw["splits"].values():
        for mistake in split["mistakes"]:
            mistake["image"] = "https://example.org/a.png"
    (run / "evaluation.json").write_text(json.dumps(raw))
    page = write_page(run).read_text(encoding="utf-8")
    assert "example.org" not in page


@pytest.mark.parametrize(
    ("status", "epochs", "says"),
    [
        ("failed", 6, "This run failed"),
        ("running", 1, "This run is not over"),
        ("interrupted", 0, "No epoch was completed"),
    ],
)
def test_a_run_without_a_result_says_so(run_maker, tmp_path, status, epochs, says):
    words = read(run_maker(tmp_path / "run", status=status, epochs=epochs)).words
    assert says in words
    assert "resnet18 on Folder insects, gradual_unfreezing" in words
    assert "Test accuracy" not in words
    assert ("out of memory: 3.1 GiB asked for" in words) is (status == "failed")
    assert ("this is no result" in words) is (epochs > 0)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [None, b"{", b"[1, 2]", b'{"a": 1}', b"\xff\xfe\x00"])
def test_a_missing_or_damaged_file_is_no_end(run_maker, tmp_path, name, content):
    run = run_maker(tmp_path / "run", test=False)
    if name != "metrics.csv":
        (run / "metrics.csv").unlink()  # nothing to draw makes a page quick
    if name != "evaluation.json":
        (run / "evaluation.json").unlink()
    if content is None:
        (run / name).unlink()
    else:
        (run / name).write_bytes(content)
    page = read(run)
    assert page.open == []
    if name in ("summary.json", "state.json") and content == b"{":
        assert f"{name} cannot be read" in page.words


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("plan.json", "multiclass"),
        ("summary.json", "multiclass"),
        ("summary.json", "regression"),
        ("evaluation.json", "multiclass"),
        ("phases.json", "multiclass"),
        ("state.json", "multiclass"),
    ],
)
def test_a_value_of_the_wrong_kind_is_no_end(run_maker, tmp_path, name, task):
    original = run_maker(tmp_path / "run", test=False, task=task)
    (original / "metrics.csv").unlink()  # nothing to draw makes a page quick
    if name != "evaluation.json":
        (original / "evaluation.json").unlink()
    raw = json.loads((original / name).read_text())
    keys = list(raw[0]) if isinstance(raw, list) else list(raw)
    for key in keys:
        for wrong in (None, "text", -3, [], {}, [None], 1e400):
            changed = [raw[0] | {key: wrong}] if isinstance(raw, list) else raw | {key: wrong}
            (original / name).write_text(json.dumps(changed))
            assert read(original).open == []


def test_a_last_row_cut_short_by_a_kill_is_no_end(run_maker, tmp_path):
    run = run_maker(tmp_path / "run", status="running", epochs=3)
    text = (run / "metrics.csv").read_text()
    for keep in (len(text) - 40, text.index("\n") + 1, 10):
        (run / "metrics.csv").write_text(text[:keep])
        assert read(run).open == []


def test_the_same_run_gives_the_same_bytes(run_maker, tmp_path):
    first = write_page(run_maker(tmp_path / "a" / "run")).read_bytes()
    assert write_page(run_maker(tmp_path / "b" / "run")).read_bytes() == first


def test_no_temporary_file_stays(run_maker, tmp_path):
    run = run_maker(tmp_path / "run")
    before = {path.name for path in run.iterdir()}
    write_page(run)
    assert {path.name for path in run.iterdir()} == before | {"report.html"}


def test_a_run_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no run directory"):
        write_page(tmp_path / "none")


def test_importing_the_page_imports_neither_torch_nor_matplotlib():
    code = (
        "import sys, tlx.report.page, tlx.report.sweep, tlx.report.console; "
        "print([m for m in ('torch', 'lightning', 'matplotlib', 'numpy', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
