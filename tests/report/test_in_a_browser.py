"""The pages in a real browser: hostile names are text, nothing runs, nothing is asked for.

`pytest -m browser`, where chromium is installed; what a parser can see of it is tested always.
"""

import html
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.report.conftest import HOSTILE
from tests.report.page_reader import Page
from tlx.report.page import write_page

pytestmark = pytest.mark.browser

RUNS = "document.documentElement.setAttribute('pwned', '1')"
ATTACKS = [
    f"<script>{RUNS}</script>",
    f'"><img src=x onerror="{RUNS}">',
    f"</title></style></svg><svg onload={RUNS.replace(' ', '')}>",
    f'<a href="javascript:{RUNS}" autofocus onfocus="{RUNS}">a</a>',
    "<iframe src=https://example.org></iframe>",
    "<meta http-equiv=refresh content='0;url=https://example.org'>",
    "</pre></td></table><style>body { display: none }</style>",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")


def opened(path: Path, profile: Path) -> tuple[Page, str, str]:
    """A page after it ran: what is in it, its source, and what the console said."""
    browser = next(found for found in map(shutil.which, NAMES) if found)
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [f"--user-data-dir={profile}", "--enable-logging=stderr", "--virtual-time-budget=3000"]
    done = subprocess.run(
        [*command, "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return Page(done.stdout), done.stdout, console


def test_the_browser_tells_a_page_that_runs_something(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"<title>t</title><p>{ATTACKS[1]}</p><script>console.error('said')</script>")
    _, source, console = opened(page, tmp_path / "profile")
    assert 'pwned="1"' in source
    assert "said" in console


@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression"])
def test_hostile_names_of_classes_and_files_are_text_on_the_page(run_maker, tmp_path, task):  # type: ignore[no-untyped-def]
    names = [*ATTACKS, *HOSTILE]
    run = run_maker(tmp_path / "run", classes=names, task=task)
    text = (run / "evaluation.json").read_text()
    (run / "evaluation.json").write_text(text.replace('"name": "', '"name": "' + html_name()))
    page, source, console = opened(write_page(run), tmp_path / "profile")
    assert "pwned=" not in source.replace(html.escape(RUNS), "")
    assert console == ""
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object", "embed", "form", "a"} - {"a"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "<script>" in page.text


def html_name() -> str:
    """The beginning of a file's name, as JSON holds it."""
    return "<img src=x onerror=alert(1)>\\u202e\\n"
