import json

from tlx.plan import HEAD, Phase, Plan
from tlx.report.formats import DASH
from tlx.report.page import write_page
from tlx.report.phases import Span, phase_rows, phase_spans, remarks
from tlx.report.run_files import read_run


def test_spans_follow_the_phase_column(run_maker, tmp_path):
    run = read_run(run_maker(tmp_path / "run"))
    assert phase_spans(run) == [Span("head", 1, 4), Span("+ layer4", 5, 7), Span("+ layer3", 8, 12)]


def test_a_phase_that_runs_and_one_that_is_not_reached_are_told_apart(run_maker, tmp_path):
    rows = phase_rows(read_run(run_maker(tmp_path / "run", status="running", epochs=6)))
    assert [row.ended for row in rows] == ["its 4 epochs are over", "not over: it is running", "not reached"]
    assert [row.epochs for row in rows] == [f"1{DASH}4", f"5{DASH}6", "none"]


def test_what_trains_and_what_is_frozen_make_up_the_whole(run_maker, tmp_path):
    rows = phase_rows(read_run(run_maker(tmp_path / "run")))
    assert rows[0].trains == (("head", "0.001"),)
    assert rows[0].frozen == f"stem{DASH}layer4"
    assert dict(rows[2].trains) == {
        "head": "0.001", "layer4": "0.0003", "layer3": "0.0001", "layer2 (norms only)": "0.0001"
    }  # fmt: skip
    assert rows[2].frozen == "stem, layer1"


def test_a_plan_that_needs_no_remark_has_none(run_maker, tmp_path):
    assert remarks(read_run(run_maker(tmp_path / "run"))) == []
    assert remarks(Plan(("a",), (Phase("", {HEAD: 1.0}, 1),))) == []


def test_how_the_plan_came_about_and_its_frozen_norms_stand_above_the_phases(run_maker, tmp_path):
    run = run_maker(tmp_path / "run")
    plan = json.loads((run / "plan.json").read_text())
    plan["phases"] = plan["phases"][:1]
    note = "auto: the smallest class '<b>' has 12 training samples"
    (run / "plan.json").write_text(json.dumps(plan | {"note": note, "norms": "all"}))
    first, second = remarks(read_run(run))
    assert first == note
    assert second.endswith("norms' weights, biases and running statistics stay frozen")
    page = write_page(run).read_text()
    assert "auto: the smallest class &#39;&lt;b&gt;&#39; has 12" in page
    assert "norms=all: in the stages" in page


def test_many_rates_that_decay_are_one_line(run_maker, tmp_path):
    run = run_maker(tmp_path / "run")
    plan = json.loads((run / "plan.json").read_text())
    plan["stages"] = [f"block{n}" for n in range(12)]
    phase = plan["phases"][0] | {"trains": {f"block{n}": 1e-5 * (n + 1) for n in range(12)} | {"head": 1e-3}}
    (run / "plan.json").write_text(json.dumps(plan | {"phases": [phase]}))
    (row,) = phase_rows(read_run(run))
    assert row.trains == (("head", "0.001"), (f"block0{DASH}block11", "1e-5 to 0.00012"))
    assert row.frozen == "nothing"
