import pytest
import torch
from torch.nn import functional as F

from tlx.functional.per_sample.calls import known_calls


def call(function, *args, **kwargs):
    return known_calls()[function](*args, **kwargs)


@pytest.mark.parametrize(
    ("shape", "layouts"),
    [
        ((4, 5), ["first"]),
        ((7, 4, 5), ["second"]),
        ((4, 4, 5), ["first", "second"]),
        ((12, 5), ["folded"]),
        ((8, 4, 5), ["second", "folded"]),
        ((7, 5), []),
        ((5,), []),
    ],
)
def test_rows_are_found_wherever_four_samples_can_be(shape, layouts) -> None:
    assert call(F.linear, torch.zeros(shape), torch.zeros(3, 5)).layouts(4) == layouts


def test_maps_have_their_samples_first_or_no_kernel() -> None:
    weight = torch.zeros(2, 3, 1, 1)
    assert call(F.conv2d, torch.zeros(4, 3, 5, 5), weight).layouts(4) == ["first"]
    assert call(F.conv2d, torch.zeros(8, 3, 5, 5), weight).layouts(4) == []
    assert call(F.conv2d, torch.zeros(3, 5, 5), weight) is None


def test_rows_are_brought_in_order() -> None:
    values = torch.arange(24.0).view(3, 4, 2)
    linear = call(F.linear, values, torch.zeros(3, 2))
    found, _ = linear.by_sample(values, values, "second", 4)
    assert torch.equal(found, values.transpose(0, 1))
    found, _ = linear.by_sample(values, values, "folded", 1)
    assert found.shape == (1, 12, 2)


def test_a_batch_norm_by_its_batch_and_scaled_sums_have_no_kernel() -> None:
    x, ones = torch.zeros(4, 3), torch.ones(3)
    assert call(F.batch_norm, x, ones, ones, ones, training=True) is None
    assert call(F.batch_norm, x, None, None, ones) is None
    assert call(torch.addmm, ones, x, torch.zeros(3, 3), beta=2) is None


def test_a_call_is_shared_where_it_is_made_once_for_several_samples() -> None:
    weight = torch.zeros(9, 2)
    assert call(F.embedding, torch.zeros(1, 5, dtype=torch.int64), weight).is_shared(4)
    assert not call(F.embedding, torch.zeros(1, 5, dtype=torch.int64), weight).is_shared(1)
    assert not call(F.embedding, torch.zeros(1, 4, dtype=torch.int64), weight).is_shared(4)
