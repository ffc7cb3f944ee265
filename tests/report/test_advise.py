import json
from pathlib import Path
from typing import Any

from tests.protocols.advised import FOUND
from tlx.protocols.plain import plain
from tlx.report.advise import result_lines, write_page

ABOUT = {"model": "tiny", "data": "digits", "seed": 0, "versions": {}}


def result(**changes: Any) -> dict[str, Any]:
    return ABOUT | dict(plain(FOUND)) | changes


def page(folder: Path, **changes: Any) -> str:
    (folder / "result.json").write_text(json.dumps(result(**changes)))
    return write_page(folder).read_text().replace("\u00a0", " ").replace("\u202f", " ")


def test_the_page_says_what_to_do_why_and_what_it_rests_on(tmp_path: Path) -> None:
    text = page(tmp_path)
    for said in (
        "full epochs=10, held by l2sp",
        "tlx fit strategy=full &#39;data.root=/data/my photos&#39; rate_scale=3.0",
        "65.0 (50.0 to 80.0)",
        "Knowing helps here: 65.0 points",
        "after 12 epochs",
        "take them out",
        "Both rules of thumb say the same.",
        "exact bytes an earlier one has: 4",
        "8 smaller classes are in result.json",
        "a distance",
        "0.125",
        "so few",
        "42.0 s",
    ):
        assert said in text, said
    assert not any(tag in text for tag in ("<i>best", "<u>copies", "<b>19"))
    assert text.count("<svg") == 2


def test_what_was_not_found_is_left_out(tmp_path: Path) -> None:
    text = page(tmp_path, distance=None, risk=None, entrants=[], words=[])
    assert "How far from the source" not in text
    assert "Knowing" not in text
    assert (
        "with your own model or data, and strategy=full strategy.epochs=10 regularizer=l2sp rate_scale=3"
        in text
    )
    assert text.count("<svg") == 1


def test_a_terminal_hears_the_same_and_what_is_fine_is_left_out() -> None:
    text = "\n".join(result_lines(result())).replace("\u00a0", " ")
    for said in (
        "strategy     full epochs=10, rates times 3",
        "regularizer  l2sp",
        "risk         Knowing helps",
    ):
        assert said in text
    assert "warn         val has <u>copies. Try: take them out" in text
    assert "values from 0" not in text
    assert text.endswith("next         tlx fit strategy=full 'data.root=/data/my photos' rate_scale=3.0")


def test_runs_of_other_lengths_against_scratch_are_both_named() -> None:
    def told(epochs: int, winner_epochs: int | None) -> str:
        risk = result()["risk"] | {"epochs": epochs, "winner_epochs": winner_epochs}
        return next(line for line in result_lines(result(risk=risk)) if line.startswith("risk"))

    assert told(1, 30).endswith("after 30 epochs against 1 from scratch")
    assert told(12, 12).endswith("after 12 epochs")
    assert told(1, None).endswith("after 1 epoch")
    before = {key: value for key, value in result()["risk"].items() if key != "winner_epochs"}
    assert any(line.endswith("after 12 epochs") for line in result_lines(result(risk=before)))
