import pytest

from tlx.report.sweep_jobs import Job, missing_jobs


def job(**overrides):
    return Job("0", overrides, "finished", "", {}, False)


def test_a_combination_without_a_job_is_missing():
    jobs = [job(strategy="full", seed="0"), job(strategy="full", seed="1"), job(strategy="scratch", seed="1")]
    argv = ["strategy=full,scratch", "seed=range(0,2)", "data=digits"]
    assert missing_jobs(argv, jobs) == [{"strategy": "scratch", "seed": "0"}]


def test_commas_in_brackets_and_quotes_are_no_sweep():
    assert missing_jobs(["stages=[a,b]", "name='x,y'"], [job()]) == []


def test_a_plus_sign_is_no_part_of_a_key():
    assert missing_jobs(["+width=1,2"], [job(width="1"), job(width="2")]) == []


def test_flags_and_deletions_are_no_sweep():
    assert missing_jobs(["--config-dir", "/a/b,c", "~trainer", "seed=0,-1"], [job(seed="0")]) == [
        {"seed": "-1"}
    ]


@pytest.mark.parametrize("override", ["model=glob(*)", "rate=interval(0,1)", "name='unbalanced"])
def test_of_an_override_it_does_not_read_nothing_is_said(override):
    assert missing_jobs([override], [job()]) is None
