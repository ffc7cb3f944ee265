"""The packages that are installed, and those among them that do harm. Imports none of them."""

import importlib.metadata
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tlx.inspection.finding import Finding

__all__ = ["KNOWN", "Package", "versions"]


@dataclass(frozen=True)
class Package:
    """What is known of a package.

    Args:
        name: As pip knows it.
        least: The first version that will do; empty: any.
        why: What is wrong with those before.
        harmful: Versions that were published to do harm.
        extra: The extra of tlx that brings it; empty: it always is there.
    """

    name: str
    least: str = ""
    why: str = ""
    harmful: tuple[str, ...] = field(default=())
    extra: str = ""


KNOWN = (
    Package("torch", "2.10", "before 2.10 loading weights can run code (CVE-2025-32434, CVE-2026-24747)"),
    Package("torchvision", "0.25"),
    Package(
        "lightning",
        "2.6.6",
        "before 2.6.6 loading a checkpoint can run code named in it (CVE-2026-58659)",
        ("2.6.2", "2.6.3"),
    ),
    Package("torchmetrics", "1.6"),
    Package("hydra-core", "1.3.2"),
    Package("omegaconf", "2.3"),
    Package(
        "transformers",
        "5.5",
        "before 5.5 a model can run code that nobody trusted (CVE-2026-4372, CVE-2026-5241)",
        extra="text",
    ),
    Package("timm", extra="timm"),
    Package("tensorboard", extra="tensorboard"),
)


def versions(installed: Callable[[str], str | None] | None = None) -> list[Finding]:
    """A finding per package that matters, and one for Python.

    Args:
        installed: The version of a package, or None where it is missing; None: of this machine.
    """
    look_up = installed or _installed
    findings = [Finding("ok", f"python {platform.python_version()}, tlx {look_up('tlx') or 'not installed'}")]
    return findings + [_judged(package, look_up(package.name)) for package in KNOWN]


def _judged(package: Package, version: str | None) -> Finding:
    name, wanted = package.name, f"pip install '{package.name}>={package.least}'"
    if version is None:
        if package.extra:
            return Finding("ok", f"{name} is not installed; pip install tlx[{package.extra}] brings it")
        return Finding("bad", f"{name} is not installed", "pip install tlx")
    if version in package.harmful:
        return Finding(
            "bad",
            f"{name} {version} is malware",
            f"{wanted} in a new environment, and change the passwords and keys this machine holds",
        )
    if package.least and _numbers(version) < _numbers(package.least):
        return Finding("bad", f"{name} {version}: {package.why or f'tlx needs {package.least}'}", wanted)
    return Finding("ok", f"{name} {version}")


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version, for comparison.

    >>> _numbers("2.10.1+cu126") > _numbers("2.6")
    True
    """
    found = [int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3]]
    return tuple(found + [0] * (3 - len(found)))
