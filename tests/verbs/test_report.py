from pathlib import Path

from tests.command import Server


def test_a_page_is_written_again_from_the_files_alone(
    command: Server, finished: Path, tmp_path: Path
) -> None:
    page = finished / "report.html"
    page.unlink()
    result = command.run(tmp_path, "report", str(finished))
    assert (result.code, result.out) == (0, f"page    {page}\n"), result.err
    assert page.stat().st_size > 10_000


def test_a_report_takes_no_options(command: Server, finished: Path, tmp_path: Path) -> None:
    result = command.run(tmp_path, "report", str(finished), "style=dark")
    assert (result.code, "no key of report 'style'" in result.err) == (2, True)
