import csv
import json
import shutil
from statistics import fmean, stdev

import pytest
from scipy import stats

from tlx.errors import CheckpointError
from tlx.figures import SEQUENCE, TASK_FIGURES
from tlx.report.page import write_page
from tlx.report.sweep import sweep_table, write_sweep


def set_summary(job, **values):
    path = job / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture
def sweep(sweep_maker, tmp_path):
    """Full and partial finished with seeds 0 to 2; scratch finished with seed 0, runs, and failed."""
    made = sweep_maker(tmp_path / "sweep")
    for seed, accuracy in enumerate((0.90, 0.92, 0.94)):
        set_summary(made / "jobs" / str(seed), **{"test/accuracy": accuracy})
    return made


def test_jobs_that_differ_in_the_seed_alone_are_one_row(sweep):
    rows = sweep_table(sweep)
    assert [row.overrides for row in rows] == [
        {"strategy": strategy, "data": "folder"} for strategy in ("full", "partial", "scratch")
    ]
    assert [[job.seed for job in row.jobs] for row in rows] == [["0", "1", "2"], ["0", "1", "2"], ["0"]]


def test_mean_spread_and_interval_are_those_of_scipy(sweep):
    figure = sweep_table(sweep)[0].figures["test/accuracy"]
    values = [0.90, 0.92, 0.94]
    assert figure.values == tuple(values)
    assert (figure.mean, figure.std) == pytest.approx((fmean(values), stdev(values)))
    expected = stats.t.interval(0.95, 2, loc=0.92, scale=stats.sem(values))
    assert figure.interval == pytest.approx(expected)


def test_the_interval_of_an_accuracy_stays_in_its_range(sweep):
    for seed, accuracy in enumerate((0.9, 1.0, 1.0)):
        set_summary(sweep / "jobs" / str(seed), **{"test/accuracy": accuracy})
    low, high = sweep_table(sweep)[0].figures["test/accuracy"].interval
    assert high == 1.0 and low > 0


def test_one_job_has_no_interval_and_says_so(sweep):
    figure = sweep_table(sweep)[2].figures["test/accuracy"]
    assert (figure.n, figure.std, figure.interval) == (1, None, None)
    assert "no interval" in write_sweep(sweep)[0].read_text()


def test_failed_and_unfinished_jobs_are_listed_and_in_no_mean(sweep):
    page = write_sweep(sweep)[0].read_text()
    assert "2 of 9 jobs have no result" in page
    assert "out of memory: 3.1 GiB asked for" in page
    assert "it runs, or it was killed without notice" in page
    assert sum(len(row.jobs) for row in sweep_table(sweep)) == 7


def test_a_job_that_never_began_is_listed_as_missing(sweep):
    shutil.rmtree(sweep / "jobs" / "4")
    page = write_sweep(sweep)[0].read_text()
    assert "3 of 9 jobs have no result" in page
    assert "it has no directory" in page


def test_the_csv_has_every_figure_unrounded(sweep):
    with write_sweep(sweep)[1].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["strategy"] for row in rows] == ["full", "partial", "scratch"]
    full, _, scratch = rows
    assert (full["n"], full["seeds"]) == ("3", "0 1 2")
    assert float(full["test/accuracy/mean"]) == fmean((0.90, 0.92, 0.94))
    assert (full["test/accuracy/min"], full["test/accuracy/max"]) == ("0.9", "0.94")
    assert (scratch["n"], scratch["test/accuracy/std"], scratch["test/accuracy/low"]) == ("1", "", "")


def test_a_job_with_a_page_is_linked_relatively(sweep):
    assert 'href="jobs/0/report.html"' not in write_sweep(sweep)[0].read_text()
    write_page(sweep / "jobs" / "0")
    assert 'href="jobs/0/report.html"' in write_sweep(sweep)[0].read_text()


def test_a_seed_that_repeats_is_said(sweep):
    job = sweep / "jobs" / "1" / "job.json"
    job.write_text(json.dumps({"overrides": {"strategy": "full", "seed": "0", "data": "folder"}}))
    assert "a seed repeats" in write_sweep(sweep)[0].read_text()


def test_without_a_test_split_the_page_says_that_validation_chose(sweep):
    for job in (sweep / "jobs").iterdir():
        if (job / "summary.json").exists():
            raw = json.loads((job / "summary.json").read_text())
            kept = {key: value for key, value in raw.items() if not key.startswith("test/")}
            (job / "summary.json").write_text(json.dumps(kept))
    assert "Validation chose the epoch of each job" in write_sweep(sweep)[0].read_text()


def test_hostile_values_show_as_text(sweep_maker, tmp_path):
    sweep = sweep_maker(tmp_path / "sweep", seeds=2, strategies=("<script>alert(1)</script>", "y" * 200, "z"))
    page = write_sweep(sweep)[0].read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.parametrize("name", ["job.json", "state.json", "summary.json"])
@pytest.mark.parametrize("content", ["", "[]", '{"overrides": 3, "status": [], "error": {}}'])
def test_a_damaged_job_costs_only_itself(sweep, name, content):
    (sweep / "jobs" / "5" / name).write_text(content)
    rows = sweep_table(sweep)
    assert len(rows[0].jobs) == 3
    write_sweep(sweep)


def test_no_finished_job_is_said(sweep):
    for job in (sweep / "jobs").iterdir():
        (job / "summary.json").unlink(missing_ok=True)
    assert sweep_table(sweep) == []
    page, table = write_sweep(sweep)
    assert "No job has finished" in page.read_text()
    assert table.read_text().startswith("n,seeds,val/accuracy/mean")


def test_the_same_sweep_gives_the_same_bytes(sweep):
    first = [path.read_bytes() for path in write_sweep(sweep)]
    assert [path.read_bytes() for path in write_sweep(sweep)] == first


@pytest.fixture
def errors(sweep_maker, tmp_path):
    """A sweep of a regression: full errs by 4 on average, partial by 2, scratch has one job with 3."""
    made = sweep_maker(tmp_path / "sweep", task="regression")
    for job, error in enumerate((3.0, 4.0, 5.0, 1.5, 2.0, 2.5, 3.0)):
        set_summary(made / "jobs" / str(job), **{"test/mae": error, "test/r2": -1.0 + job / 10})
    return made


def test_of_an_error_the_least_mean_comes_first(errors):
    rows = sweep_table(errors)
    assert [row.overrides["strategy"] for row in rows] == ["partial", "scratch", "full"]
    assert [row.figures["test/mae"].mean for row in rows] == [2.0, 3.0, 4.0]
    page = write_sweep(errors)[0].read_text()
    assert "test mean absolute error, less is better" in page
    assert "Val root mean square error" in page and "ccuracy" not in page


def test_an_error_is_never_negative_but_r_squared_may_be(errors):
    for job, error in enumerate((0.1, 0.1, 9.0)):
        set_summary(errors / "jobs" / str(job), **{"test/mae": error, "test/r2": 0.99 - error})
    full = next(row for row in sweep_table(errors) if row.overrides["strategy"] == "full")
    assert full.figures["test/mae"].interval[0] == 0 and full.figures["test/mae"].interval[1] > 9
    assert full.figures["test/r2"].interval[0] < -3 and full.figures["test/r2"].interval[1] == 1


def test_the_csv_has_the_figures_of_the_task(errors):
    with write_sweep(errors)[1].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["test/mae/mean"] == "2.0"
    named = {key.rsplit("/", 1)[0] for key in rows[0] if key.count("/") == 2}
    figures = {f"{split}/{name}" for split in ("val", "test") for name in ("mae", "rmse", "r2", "loss")}
    assert named == figures | {"train/seconds", "train/epochs"}


def test_two_tasks_in_a_sweep_have_the_figures_of_both(errors):
    for job in (3, 4, 5):
        known = json.loads((errors / "jobs" / str(job) / "summary.json").read_text())
        kept = {key: value for key, value in known.items() if "/mae" not in key}
        text = json.dumps(kept | {"task": "multilabel", "test/average_precision": 0.5})
        (errors / "jobs" / str(job) / "summary.json").write_text(text)
    assert [row.overrides["strategy"] for row in sweep_table(errors)] == ["scratch", "full", "partial"]
    page, table = write_sweep(errors)
    assert "Test average precision" in page.read_text() and "50.0\u00a0%" in page.read_text()
    assert "test/average_precision/mean" in table.read_text().splitlines()[0]


def test_a_folder_without_jobs_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="is no sweep"):
        sweep_table(tmp_path)
    (tmp_path / "jobs").mkdir()
    with pytest.raises(CheckpointError, match="no job yet"):
        sweep_table(tmp_path)


def test_of_sequences_there_are_columns_for_what_they_have_and_for_nothing_else(sweep_maker, tmp_path):
    sweep = sweep_maker(tmp_path / "sweep", seeds=2, strategies=("full", "scratch"))
    for seed in range(2):
        figures = {f"test/{name}": 0.5 + seed / 10 for name in TASK_FIGURES[SEQUENCE]}
        path = sweep / "jobs" / str(seed) / "summary.json"
        path.write_text(json.dumps({"task": SEQUENCE, "seed": seed} | figures))
    page, table = write_sweep(sweep)
    with table.open(newline="") as file:
        [row] = csv.DictReader(file)
    assert "" not in row.values()
    assert [key for key in row if key.endswith("/mean")] == [f"test/{n}/mean" for n in TASK_FIGURES[SEQUENCE]]
    assert "Test average accuracy" in page.read_text() and "Val average" not in page.read_text()
    assert list(sweep_table(sweep)[0].figures["test/average_accuracy"].values) == [0.5, 0.6]


def answers(sweep, *summaries):
    for number, summary in enumerate(summaries):
        (sweep / "jobs" / str(number) / "summary.json").write_text(json.dumps({"seed": number % 2} | summary))
    return sweep


def advised(accuracy, strategy):
    command = f"tlx fit strategy={strategy} 'data.root=/my photos'"
    texts = {
        "recommended/strategy": strategy,
        "recommended/regularizer": "l2sp",
        "recommended/command": command,
    }
    return {"task": "advise", "val/tournament_accuracy": accuracy, "held_out/neighbour_accuracy": 0.5} | texts


def test_a_sweep_of_advise_shows_what_each_job_recommends(sweep_maker, tmp_path):
    sweep = sweep_maker(tmp_path / "sweep", seeds=2, strategies=("a", "b", "never"))
    given = [advised(0.5, "full"), advised(0.6, "<i>lp</i>"), advised(0.9, "auto"), advised(0.8, "auto")]
    page, table = write_sweep(answers(sweep, *given))
    with table.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert float(first["val/tournament_accuracy/mean"]) == pytest.approx(0.85)
    assert not [key for key in first if key.startswith("test/")]
    assert (first["recommended/strategy"], second["recommended/strategy"]) == ("auto", "full; <i>lp</i>")
    assert second["recommended/regularizer"] == "l2sp"
    assert first["recommended/command"] == "tlx fit strategy=auto 'data.root=/my photos'"
    said = page.read_text()
    for part in (
        "Val tournament accuracy",
        "Held-out k-NN accuracy",
        "Recommended strategy",
        "1 of 2",
        "Command",
    ):
        assert part in said, part
    assert "tlx fit strategy=full &#39;data.root=/my photos&#39;" in said
    assert "<i>lp" not in said and "&lt;i&gt;lp" in said and "Validation chose the epoch" in said


def test_a_figure_of_no_split_has_its_bare_name_and_its_own_range(sweep_maker, tmp_path):
    sweep = sweep_maker(tmp_path / "sweep", seeds=2, strategies=("a", "b", "never"))
    rates = [{"task": "lr", "rate_factor": factor} for factor in (1.0, 3.0, 30.0, 31.0)]
    rows = sweep_table(answers(sweep, *rates))
    assert [row.figures["rate_factor"].mean for row in rows] == [30.5, 2.0]
    assert rows[0].figures["rate_factor"].interval == pytest.approx((30.5 - 6.353, 30.5 + 6.353), abs=1e-3)
    page, table = write_sweep(sweep)
    assert "Rate factor" in page.read_text() and "rate_factor/mean" in table.read_text()


def test_rows_are_ordered_by_a_split_that_all_of_them_have(sweep_maker, tmp_path):
    sweep = sweep_maker(tmp_path / "sweep", seeds=2, strategies=("a", "b", "never"))
    found = [{"task": "probe", "val/probe_accuracy": value} for value in (0.2, 0.4, 0.8, 0.9)]
    found[2]["test/probe_accuracy"] = 0.1
    rows = sweep_table(answers(sweep, *found))
    assert [row.overrides["strategy"] for row in rows] == ["b", "a"]
    assert "Validation chose" not in write_sweep(sweep)[0].read_text()  # it chose nothing of a probe


def test_of_numbers_a_gain_is_the_error_that_was_saved(sweep_maker, tmp_path):
    sweep = sweep_maker(tmp_path / "sweep", seeds=2, strategies=("a", "b", "never"))
    saved = [
        {"task": "gain", "test/error_saved": each, "verdict": "none shown"} for each in (1.0, 3.0, 7.0, 9.0)
    ]
    page, _ = write_sweep(answers(sweep, *saved))
    assert "Test error saved" in page.read_text() and "none shown" in page.read_text()
    assert [row.figures["test/error_saved"].mean for row in sweep_table(sweep)] == [8.0, 2.0]


def test_one_answer_shows_the_interval_that_it_has_itself(sweep_maker, tmp_path):
    sweep = sweep_maker(tmp_path / "sweep", seeds=1, strategies=("a", "never"))
    gain = {"task": "gain", "test/gain": -0.2, "test/gain_low": -0.25, "test/gain_high": -0.125}
    page, table = write_sweep(answers(sweep, gain))
    text = page.read_text().replace("\u00a0", " ").replace("\u2212", "-")
    assert "-25.0 points to -12.5 points" in text and "one job: its own interval" in text
    assert "no interval" not in text and "Gain, low" not in text
    with table.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["test/gain_low/mean"], row["test/gain_high/mean"]) == ("-0.25", "-0.125")


def test_what_was_forgotten_is_compared_where_there_is_a_source(sweep):
    page, table = write_sweep(sweep)
    assert "forgetting" not in page.read_text() + table.read_text()
    for seed in range(6):
        set_summary(sweep / "jobs" / str(seed), **{"source/forgetting": 0.02 * seed})
    page, table = write_sweep(sweep)
    assert sweep_table(sweep)[0].figures["source/forgetting"].mean == pytest.approx(0.02)
    assert "source/forgetting/mean" in table.read_text()
    assert "Source forgetting" in page.read_text()
    assert "test accuracy against forgetting" in page.read_text()
