from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.protocols.target_findings import findings_of


def test_what_is_bad_comes_before_what_is_fine() -> None:
    job = make_job(compose("fit", ["data.per_class=3", "cache=none", "trainer=cpu"]).config)
    labels = job.data.splits.train.labels
    labels[labels == 7] = 1  # an empty class
    job.data.preprocessing = job.backbone.preprocessing
    found = findings_of(job, 500, lambda line: None)
    levels = [finding.level for finding in found]
    assert levels == sorted(levels, key=["bad", "warn", "ok"].index)
    assert found[0].what == "train has no sample of 7"
    assert levels[-1] == "ok"
