"""Who may look into whom, how long a file may be, and where its tests are."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "tlx").rglob("*.py"))
TIERS = (
    ("types", "errors", "process", "command_line"),
    ("targets", "made_by", "withheld"),
    ("run",),
    ("figures", "outcome", "recipe", "plan", "functional", "metrics", "preprocessing"),
    (
        "modules",
        "tasks",
        "data",
        "strategies",
        "backbones",
        "heads",
        "checkpoint",
        "logger",
        "probing",
        "report",
    ),
    ("calibration", "data_record", "evaluation", "extension", "plan_rates", "trainer"),
    ("arithmetic", "cache", "sequences"),
    ("origin",),
    ("forgetting", "regularizers"),
    ("plan_table",),
    ("job",),
    ("assembly", "conclusion", "inference", "inspection"),
    ("training", "protocols"),
    ("composition", "doctor"),
    ("verbs",),
    ("api", "worker"),
    ("questions",),
    ("cli",),
)
"""From the ground up; a room sees itself and the tiers below, never one beside it."""

JOINED = {
    ("report", "plan"),
    ("modules", "backbones"),
    ("strategies", "checkpoint"),
    ("checkpoint", "modules"),
    ("checkpoint", "backbones"),
}
WITHIN_PROTOCOLS = ("comparison", "results", "advice")
"""From the ground up; what stands beside them is shared, or a question, which sees all of them."""
ONLY_COMPOSITION = ("hydra", "omegaconf")
LIGHT = (
    "cli.py", "outcome.py", "process/leaving.py", "process/signals.py", "errors.py", "run/directory.py",
    "__init__.py",
)  # fmt: skip
BANNED = {"utils", "helpers", "common", "misc", "base"}


def room(path: Path) -> str:
    return path.relative_to(ROOT / "tlx").parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only"
            found.add(str(node.module))
            found |= {f"{node.module}.{name.name}" for name in node.names if node.module == "tlx"}
    return found


def tier(name: str) -> int:
    return next(number for number, rooms in enumerate(TIERS) if name in rooms)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    mine = room(path)
    if mine == "__init__":
        return
    for module in imports(ast.parse(path.read_text())):
        parts = module.split(".")
        if parts[0] != "tlx" or len(parts) == 1 or parts[1] in (mine, "conf"):
            continue
        theirs = parts[1]
        joined = (mine, theirs) in JOINED
        assert tier(theirs) < tier(mine) or joined, f"{path.name} may not import {module}"


@pytest.mark.parametrize("inner", WITHIN_PROTOCOLS)
def test_rooms_of_protocols_look_down(inner: str) -> None:
    above = WITHIN_PROTOCOLS[WITHIN_PROTOCOLS.index(inner) + 1 :]
    for path in (ROOT / "tlx" / "protocols" / inner).glob("*.py"):
        for module in imports(ast.parse(path.read_text())):
            assert not module.startswith(tuple(f"tlx.protocols.{name}." for name in above)), path.name


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_composition_knows_hydra(path: Path) -> None:
    if room(path) != "composition":
        named = {module.partition(".")[0] for module in imports(ast.parse(path.read_text()))}
        assert not named & set(ONLY_COMPOSITION)


@pytest.mark.parametrize("name", LIGHT)
def test_what_every_command_loads_is_light(name: str) -> None:
    tree = ast.parse((ROOT / "tlx" / name).read_text())
    top = ast.Module([node for node in tree.body if not isinstance(node, ast.If)], [])
    for function in [node for node in ast.walk(top) if isinstance(node, ast.FunctionDef)]:
        function.body = []
    named = {module.partition(".")[0] for module in imports(top)}
    assert not named & {"torch", "lightning", "numpy", "rich", "sklearn", *ONLY_COMPOSITION}


@pytest.mark.parametrize(
    "path", [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))], ids=lambda p: str(p.relative_to(ROOT))
)
def test_files_stay_short_and_say_what_they_are(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300
    assert path.stem not in BANNED


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.stem != "__init__"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_every_module_has_its_tests_at_the_same_place(path: Path) -> None:
    relative = path.relative_to(ROOT / "tlx")
    assert (ROOT / "tests" / relative.parent / f"test_{relative.name}").is_file()


@pytest.mark.parametrize(
    "path",
    [p for p in SOURCES if p.read_text().strip() and p.stem != "__main__"],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_every_module_says_what_it_offers(path: Path) -> None:
    assert re.search(r"^__all__ = ", path.read_text(), re.M)


def test_a_group_and_the_room_that_serves_it_bear_the_same_stems() -> None:
    written = {path.stem for path in (ROOT / "conf" / "strategy").glob("*.yaml")}
    assert written == {path.stem for path in (ROOT / "tlx" / "strategies").glob("*.py")} - {
        "__init__",
        "finetuning",
    }
