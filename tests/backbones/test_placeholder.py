import pytest
import torch

from tlx.backbones.placeholder import EXAMPLES, Leaf, Sizes

CPU = torch.device("cpu")


def test_a_placeholder_has_the_looks_for_another_batch_and_takes_no_memory():
    seen = torch.zeros(EXAMPLES, 7, 16, dtype=torch.float64)
    made = Leaf.of(seen, tokens=7).placeholder(Sizes(5, 9), CPU)
    assert (made.shape, made.dtype) == ((5, 9, 16), torch.float64)
    assert made.isnan().all()
    assert made.untyped_storage().nbytes() == 8
    pictures = Leaf.of(torch.zeros(EXAMPLES, 3, 4, 4), tokens=0)
    assert pictures.placeholder(Sizes(5, 0), CPU).shape == (5, 3, 4, 4)


def test_whole_numbers_are_zero_and_what_is_not_per_sample_keeps_its_shape():
    made = Leaf.of(torch.ones(1, 4, dtype=torch.int64), tokens=0).placeholder(Sizes(5, 0), CPU)
    assert made.tolist() == [[0, 0, 0, 0]]
    windows = Leaf.of(torch.ones(EXAMPLES * 4, 3), tokens=0)
    assert windows.placeholder(Sizes(5, 0), CPU).shape == (20, 3)
    assert not windows.is_per_sample
    assert Leaf.of(torch.ones(1, 4), 0).is_per_sample
    assert not Leaf.of(torch.ones(()), 0).is_per_sample


def test_plain_values_are_kept():
    leaf = Leaf.of((4, 4), tokens=0)
    assert leaf.placeholder(Sizes(9, 9), CPU) == (4, 4)
    assert leaf.laid_out(None) == (4, 4)
    assert Leaf.of(None, 0).placeholder(Sizes(1, 1), CPU) is None


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
def test_a_copy_lies_in_memory_as_what_was_seen(form):
    seen = torch.rand(EXAMPLES, 3, 4, 5).contiguous(memory_format=form)
    value = torch.rand(6, 3, 4, 5)
    copy = Leaf.of(seen, 0).laid_out(value)
    assert torch.equal(copy, value)
    assert copy.stride()[1:] == seen.stride()[1:]
    copy.zero_()
    assert value.any()
