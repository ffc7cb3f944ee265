from pathlib import Path

from tlx.report.answer import Column, Section, Table, command_of, facts_of, write_answer
from tlx.report.canvas import draw

HOSTILE = "<script>alert(1)</script>"


def page(folder: Path, **changes: object) -> str:
    parts: dict[str, object] = {
        "kicker": "a question",
        "title": HOSTILE,
        "headline": "42",
        "sentences": ["the first", HOSTILE],
        "sections": [
            Section(
                "Part",
                plots=[draw("one", lambda axes: axes.plot([0, 1], [0, 1]))],
                tables=[Table((Column("Name", number=False), Column("Value")), [[HOSTILE, "1.5"]], HOSTILE)],
                notes=[HOSTILE],
            )
        ],
        "facts": [("Model", HOSTILE)],
        "warnings": [HOSTILE],
    }
    return write_answer(folder, **(parts | changes)).read_text()  # type: ignore[arg-type]


def test_everything_that_is_given_is_shown_and_escaped(tmp_path: Path) -> None:
    found = page(tmp_path)
    assert "<script>" not in found and found.count("&lt;script&gt;") >= 7
    for said in ("a question", "42", "the first", "1.5", "<svg", 'data-label="Value"'):
        assert said in found


def test_two_plots_stand_side_by_side_and_one_alone(tmp_path: Path) -> None:
    plot = draw("one", lambda axes: axes.plot([0, 1], [0, 1]))
    assert '<div class="plots">' in page(tmp_path, sections=[Section("Part", plots=[plot, plot])])
    assert '<div class="plots">' not in page(tmp_path)


def test_no_other_file_and_no_network_is_needed(tmp_path: Path) -> None:
    found = page(tmp_path)
    assert "http://" not in found.replace("http://www.w3.org", "") and "https://" not in found
    assert "default-src 'none'" in found


def test_the_command_is_a_fact_that_is_escaped_like_any_other(tmp_path: Path) -> None:
    asked = {"model": "tiny", "data": "digits", "seed": 3, "command": f"tlx probe data.root='{HOSTILE}'"}
    found = page(tmp_path, facts=facts_of(asked))
    said = "tlx probe data.root=&#39;&lt;script&gt;alert(1)&lt;/script&gt;&#39;"
    assert f"<dt>Asked by</dt><dd><bdi><code>{said}</code></bdi></dd>" in found
    assert "<script>" not in found
    assert (
        command_of({"command": ""}) == command_of({}) == []
    )  # words cannot say it, or it is an older answer


def test_the_facts_name_the_versions() -> None:
    facts = dict(facts_of({"model": "tiny", "data": "digits", "seed": 3, "versions": {"torch": "2.15.0"}}))
    assert facts == {"Model": "tiny", "Data": "digits", "Seed": "3", "Versions": "torch 2.15.0"}
