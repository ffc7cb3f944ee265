"""The wheel, installed somewhere else, is the whole of tlx."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.command import FEW

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("tlx", "conf", "pyproject.toml", "README.md", "LICENSE"):
        subprocess.run(["cp", "-r", "--parents", name, str(folder)], cwd=ROOT, check=False)
        source.mkdir(exist_ok=True)
        (folder / name).rename(source / name)
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which only the installed wheel can be found, not this checkout.

    Without `site` (-S) no editable installation of this checkout is found either.
    """
    target = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(target),
    ]
    subprocess.run([*command, str(wheel)], check=True, capture_output=True)
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([str(target), sysconfig.get_path("purelib")]),
        "OMP_NUM_THREADS": "1",
    }


def run(argv: str, folder: Path, environment: dict[str, str]) -> str:
    command = [
        sys.executable,
        "-S",
        "-c",
        "import sys; from tlx.cli import main; sys.exit(main())",
        *argv.split(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_every_module_config_and_data_file(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    kinds = (".py", ".jinja", ".css", ".safetensors", ".json", ".md", ".typed")
    code = {str(path.relative_to(ROOT)) for path in (ROOT / "tlx").rglob("*") if path.suffix in kinds}
    code |= {"tlx/py.typed"}
    configs = {f"tlx/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert code | configs <= held
    assert not [name for name in held if name.startswith(("conf/", "tests/", "scripts/"))]


def test_every_package_is_listed() -> None:
    found = {
        str(path.parent.relative_to(ROOT)).replace("/", ".") for path in (ROOT / "tlx").rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == found | {"tlx.conf"}


def test_an_installed_tlx_fits_from_an_empty_folder(installed: dict[str, str], tmp_path: Path) -> None:
    where = run("--version", tmp_path, installed)
    assert where == f"tlx {PROJECT['project']['version']}\n"
    assert "tlx fit" in run("--help", tmp_path, installed)
    assert "gradual_unfreezing" in run("list strategies", tmp_path, installed)
    few = " ".join(FEW)
    said = run(f"fit trainer=smoke strategy=feature_extraction {few} run_dir=run", tmp_path, installed)
    assert "page     run/report.html" in said
    program = "import tlx.conf; print(tlx.conf.__file__)"
    used = subprocess.run(
        [sys.executable, "-S", "-c", program],
        capture_output=True,
        text=True,
        env=installed,
        cwd=tmp_path,
        check=True,
    )
    assert str(ROOT) not in used.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_the_lock_has_a_hash_for_everything_and_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?://|--index|--extra|--find-links", lock)
    blocks = re.split(r"^(?=[a-z])", lock, flags=re.M)[1:]
    assert len(blocks) > 60
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_lock_holds_every_dependency_and_what_builds_tlx() -> None:
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.M))
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [
        *PROJECT["project"]["dependencies"],
        *extras["text"],
        *extras["timm"],
        *extras["dev"],
        *PROJECT["build-system"]["requires"],
    ]
    names = {re.split(r"[\[<>=!~ ]", word)[0] for word in wanted} - {"tlx"}
    assert names <= locked
