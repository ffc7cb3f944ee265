import re
import subprocess
import sys

import pytest

from tlx.doctor.versions import KNOWN, versions

GOOD = {package.name: package.least or "1.0" for package in KNOWN} | {"tlx": "0.1.0"}


def lines(**changed: str | None) -> list[str]:
    have = GOOD | {name.replace("_", "-"): version for name, version in changed.items()}
    return [finding.line() for finding in versions(have.get) if finding.level != "ok"]


def test_the_oldest_versions_that_will_do_are_fine() -> None:
    assert lines() == []


@pytest.mark.parametrize(
    ("package", "version", "said"),
    [
        ("lightning", "2.6.2", "lightning 2.6.2 is malware.*change the passwords"),
        ("lightning", "2.6.3", "lightning 2.6.3 is malware"),
        ("lightning", "2.6.5", "CVE-2026-58659.*Try: pip install 'lightning>=2.6.6'"),
        ("torch", "2.9.1+cu126", "CVE-2026-24747.*Try: pip install 'torch>=2.10'"),
        ("transformers", "5.4.0", "CVE-2026-4372"),
        ("omegaconf", "2.2.3", "omegaconf 2.2.3: tlx needs 2.3"),
        ("hydra_core", None, "hydra-core is not installed. Try: pip install tlx"),
    ],
)
def test_a_version_that_harms_or_will_not_do_is_bad(package: str, version: str | None, said: str) -> None:
    (line,) = lines(**{package: version})
    assert line.startswith("  bad   ")
    assert re.search(said, line), line


def test_an_optional_package_that_is_missing_is_fine_and_named_with_its_extra() -> None:
    said = [finding.line() for finding in versions((GOOD | {"timm": None}).get)]
    assert "  ok    timm is not installed; pip install tlx[timm] brings it" in said


def test_nothing_that_is_judged_is_imported() -> None:
    program = "import sys; from tlx.doctor.versions import versions; found = versions()\n"
    program += "print(len(found), [n for n in ('torch', 'lightning', 'transformers') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(KNOWN) + 1} []\n"
