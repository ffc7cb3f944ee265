"""The faults of the test plan, each with the tests that start real processes and try it."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

__all__ = ["ROWS", "run_rows"]

ROOT = Path(__file__).parent.parent.parent

ROWS: dict[int, tuple[str, tuple[str, ...]]] = {}
"""Number to what goes wrong and which tests try it: a file, or a file and a part of a test's name."""


def run_rows() -> dict[str, Any]:
    """Run every test that a row names; a row holds where each of its tests ran and passed."""
    files = sorted({test.partition("::")[0] for _, tests in ROWS.values() for test in tests})
    with TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        options = ["-q", "-p", "no:cacheprovider", "-m", "not gpu and not browser", f"--junitxml={report}"]
        subprocess.run([sys.executable, "-m", "pytest", *options, *files], cwd=ROOT, check=False)
        ended = _ended(ElementTree.parse(report).getroot())
    passed, failed = [], {}
    for number, (_, tests) in sorted(ROWS.items()):
        bad = [test for test in tests if not _holds(test, ended)]
        if bad:
            failed[number] = bad
        else:
            passed.append(number)
    return {"passed": passed, "failed": failed, "tests": len(ended)}


def _ended(root: ElementTree.Element) -> dict[str, bool]:
    """Test to whether it passed, by `file::name`."""
    found = {}
    for case in root.iter("testcase"):
        file = f"{str(case.get('classname')).replace('.', '/')}.py"
        good = not any(case.find(tag) is not None for tag in ("failure", "error", "skipped"))
        found[f"{file}::{case.get('name')}"] = good
    return found


def _holds(test: str, ended: dict[str, bool]) -> bool:
    file, _, part = test.partition("::")
    mine = [good for name, good in ended.items() if name.startswith(f"{file}::") and part in name]
    return bool(mine) and all(mine)
