import numpy as np

from tlx.cache.part import Part
from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.protocols.advice.target_findings import findings_of
from tlx.protocols.frozen import stage_features


def test_what_is_bad_comes_before_what_is_fine() -> None:
    job = make_job(compose("fit", ["data.per_class=3", "cache=none", "trainer=cpu"]).config)
    labels = job.data.splits.train.labels
    labels[labels == 7] = 1  # an empty class
    job.data.preprocessing = job.backbone.preprocessing
    train, val, test, _ = job.data.splits
    halves = [train.subset(np.arange(start, len(train), 2)) for start in (0, 1)]
    read = {"train": [Part("train", half) for half in halves], "val": [Part("val", val)]}
    read["test"] = [Part("test", test.subset(np.arange(20)))]
    found = findings_of(job, stage_features(job, lambda line: None), read)
    levels = [finding.level for finding in found]
    assert levels == sorted(levels, key=["bad", "warn", "ok"].index)
    assert found[0].what == "train has no sample of 7"
    assert levels[-1] == "ok"
    assert any(finding.what == "copies were looked for among 20 of test" for finding in found)
