"""Notebooks import tlx, define nothing, lie without outputs, and run."""

import ast
from pathlib import Path

import nbformat
import pytest

from scripts.run_notebooks import NOTEBOOKS, run

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))


def code(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_defines_nothing_and_holds_no_outputs(path: Path) -> None:
    lines = [line for source in code(path) for line in source.splitlines() if not line.startswith("!")]
    tree = ast.parse("\n".join(lines))
    assert "tlx" in {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    made = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.AsyncFunctionDef)
    assert not [node for node in ast.walk(tree) if isinstance(node, made)]
    for cell in nbformat.read(path, as_version=4).cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_explains_more_than_it_runs(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert sum(cell.cell_type == "markdown" for cell in cells) >= 5


def test_the_first_transfer_beats_scratch_and_shows_its_page(tmp_path: Path) -> None:
    notebook = run(NOTEBOOKS / "01_first_transfer.ipynb", tmp_path)
    said = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    text = "".join(str(output.get("text", "")) for output in said)
    assert "Plan: 5 phases, at most 17 epochs" in text
    row = next(line for line in text.splitlines() if line.startswith("test/accuracy"))
    scratch, transfer = (float(value) for value in row.split()[1:])
    assert transfer > scratch
    assert any("<html" in output.get("data", {}).get("text/html", "") for output in said)
    assert any("image/png" in output.get("data", {}) for output in said)


@pytest.mark.timeout(600)
def test_what_is_forgotten_is_shown_and_what_holds_on_keeps_more(tmp_path: Path) -> None:
    notebook = run(NOTEBOOKS / "02_measuring_forgetting.ipynb", tmp_path)
    said = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    lines = "".join(str(output.get("text", "")) for output in said).splitlines()
    rows = {line[:16].strip(): line[16:].split() for line in lines if line.endswith("%") and " to " in line}
    left = {name: float(row[1].rstrip("%")) for name, row in rows.items() if len(row) == 6}
    assert set(left) == {"none", "l2sp 0.1", "ewc 10", "ewc 100", "ewc 1000", "lwf 0.1", "lwf 1", "replay 1"}
    assert float(rows["none"][3].rstrip("%")) > 5  # even the lower end of its interval
    assert left["ewc 1000"] > left["ewc 10"] + 5
    assert min(left["l2sp 0.1"], left["lwf 1"], left["replay 1"]) > left["none"] + 5
    assert any("image/png" in output.get("data", {}) for output in said)


@pytest.mark.timeout(600)
def test_questions_are_answered_and_a_verdict_is_reached(tmp_path: Path) -> None:
    notebook = run(NOTEBOOKS / "03_compare_and_decide.ipynb", tmp_path)
    said = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    lines = "".join(str(output.get("text", "")) for output in said).splitlines()
    scored = [line.partition("LogME")[2].split() for line in lines if "   k-NN " in line]
    assert float(scored[0][0]) > float(scored[1][0])
    far = next(line.split() for line in lines if line.startswith("a_distance"))
    assert float(far[1]) > 1.5 > float(far[-1])
    assert any(line.startswith("positive transfer: ") for line in lines)
    assert any("3 seeds: a demonstration" in line for line in lines)
    assert any("image/png" in output.get("data", {}) for output in said)
    assert "tlx fit data.per_class=10 strategy=feature_extraction" in lines
