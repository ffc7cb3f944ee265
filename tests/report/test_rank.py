import json
from pathlib import Path
from typing import Any

from tlx.protocols.plain import plain
from tlx.protocols.results.rank import Candidate, Held, RankResult
from tlx.report.rank import result_lines, write_page

ABOUT = {"model": "tiny", "data": "digits", "seed": 0, "versions": {}}
GOOD = Candidate(
    "<b>good</b>", 0.5, -0.25, -0.3, 2.5, 0.9, 0.875, 128, 1_200_000, 4_800_000, 4096, 0.25, 0.95
)
POOR = Candidate("poor", 0.1, None, None, 1.5, 0.4, 0.5, 64, 1000, 4000, 512, 0.1, 0.5)


def result(**changes: Any) -> dict[str, Any]:
    found = RankResult((GOOD, POOR), GOOD.name, 80, "test", 40, "val", None, (), ("so few",))
    return ABOUT | dict(plain(found)) | changes


def page(folder: Path, **changes: Any) -> str:
    (folder / "result.json").write_text(json.dumps(result(**changes)))
    return write_page(folder).read_text().replace("\u00a0", " ")


def test_the_page_shows_every_score_and_what_each_costs(tmp_path: Path) -> None:
    found = page(tmp_path)
    for said in (
        "0.500",
        "-0.250",
        "2.500",
        "90.0 %",
        "87.5 %",
        "40 samples of test",
        "chosen on val",
        "1.2 M",
        "4.8 MB",
        "4.1 kB",
        "so few",
        "poor",
    ):
        assert said in found
    assert "<b>good</b>" not in found and "Fine-tuned" not in found


def test_fine_tuning_and_its_agreement_are_shown_where_they_were_asked_for(tmp_path: Path) -> None:
    held = [plain(Held("logme", 0.8, 0.2, 0.9, 6, 0.0125)), plain(Held("leep", None, None, None, 4, None))]
    found = page(tmp_path, figure="val/accuracy", agreement=held)
    assert "95.0 %" in found and "0.800" in found and "0.200 to 0.900" in found
    assert ">6<" in found and "0.013" in found
    assert "Fine-tuned: val/accuracy of the epoch that counts, on samples that may have chosen it." in found
    assert "For these scores the network itself was not trained." in found


def test_h_scores_of_different_numbers_of_features_are_said_to_be_no_fair_comparison(tmp_path: Path) -> None:
    said = "The candidates have 64 to 128 features. H-scores tend to be greater of more features"
    assert said in page(tmp_path)
    assert any(line.startswith(said) for line in result_lines(result()))
    alike = [plain(GOOD), {**plain(POOR), "dimensions": 128}]
    assert "tend to be greater" not in page(tmp_path, candidates=alike)
    assert "tend to be greater" not in " ".join(result_lines(result(candidates=alike)))


def test_an_answer_of_before_agreements_had_a_p_value_has_its_page_still(tmp_path: Path) -> None:
    held = [{"score": "logme", "weighted_tau": 0.8, "low": None, "high": None}]
    assert "0.800" in page(tmp_path, figure="val/accuracy", agreement=held)


def test_a_model_that_is_several_words_is_named_in_full_and_set_smaller(tmp_path: Path) -> None:
    words = "model=torchvision model.name=efficientnet_v2_s model.weights=IMAGENET1K_V1"
    long = [{**plain(GOOD), "name": words}, plain(POOR)]
    text = page(tmp_path, candidates=long, best=words)
    assert f'<p class="figure words">{words}</p>' in text and text.count(f"<bdi>{words}</bdi>") == 2
    assert '<p class="figure">poor</p>' in page(tmp_path, best="poor")


def test_a_terminal_hears_the_same() -> None:
    lines = result_lines(result())
    assert (
        "LogME 0.500" in lines[0] and "87.5" in lines[0] and "by LogME" in lines[2] and lines[4] == "so few"
    )


def test_a_terminal_hears_what_fine_tuning_came_to() -> None:
    lines = [line.replace("\u00a0", " ") for line in result_lines(result(figure="val/accuracy"))]
    assert lines[0].endswith("probe 87.5 %  fine-tuned 95.0 %") and lines[1].endswith("fine-tuned 50.0 %")


def test_an_answer_of_before_there_were_probes_has_its_page_still(tmp_path: Path) -> None:
    old = result()
    for each in old["candidates"]:
        del each["probe"]
    for key in ("reported_on", "reported", "chosen_on"):
        del old[key]
    (tmp_path / "result.json").write_text(json.dumps(old))
    found = write_page(tmp_path).read_text()
    assert "linear probe" not in found and "0.500" in found
    assert "LogME 0.500" in result_lines(old)[0]
