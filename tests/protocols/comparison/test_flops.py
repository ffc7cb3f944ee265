import functools

import pytest

from tests.faults.jobs import small_job
from tlx.protocols.comparison.flops import epoch_flops
from tlx.strategies.feature_extraction import feature_extraction
from tlx.strategies.full import full


def test_a_frozen_backbone_costs_a_forward_pass_and_the_backward_pass_of_its_head() -> None:
    job = small_job(knows=8, strategy=functools.partial(feature_extraction, epochs=1))
    samples = len(job.data.splits.train)
    stem = 2 * 4 * 4 * 8 * 9  # 8 filters of 3x3 at 4x4 positions, a product and a sum
    block = 2 * 4 * 4 * 8 * 8 * 9
    head = 2 * 8 * 3
    assert epoch_flops(job) == [samples * (stem + 2 * block + 2 * head)]


def test_what_trains_costs_its_backward_pass_too() -> None:
    job = small_job(knows=8, strategy=functools.partial(full, epochs=1))
    frozen = small_job(knows=8, strategy=functools.partial(feature_extraction, epochs=1))
    assert epoch_flops(job)[0] / epoch_flops(frozen)[0] == pytest.approx(3, abs=0.1)
