from collections import OrderedDict
from typing import NamedTuple

import pytest
import torch

from tlx.errors import ConfigError
from tlx.functional.nested import ordinary, replaced, sample_count, samples, tensors


class Pair(NamedTuple):
    ids: torch.Tensor
    note: str


def test_samples_are_taken_from_every_tensor_and_all_else_stays() -> None:
    nested = OrderedDict(a=torch.arange(4), b=[Pair(torch.arange(8).view(4, 2), "kept"), None])
    found = samples(nested, torch.tensor([3, 0]))
    assert found["a"].tolist() == [3, 0]
    assert found["b"][0].ids.tolist() == [[6, 7], [0, 1]]
    assert isinstance(found["b"][0], Pair) and found["b"][0].note == "kept" and found["b"][1] is None
    assert sample_count(nested) == 4


def test_tensors_go_back_to_where_they_came_from() -> None:
    nested = (torch.zeros(2), {"more": torch.ones(2)})
    assert torch.equal(replaced(nested, tensors(nested))[1]["more"], nested[1]["more"])


@pytest.mark.parametrize(
    "nested", [{}, [torch.zeros(2), torch.zeros(3)], torch.tensor(1.0), [torch.zeros(0)]]
)
def test_what_has_no_common_number_of_samples_is_refused(nested) -> None:
    with pytest.raises(ConfigError, match="the same samples"):
        sample_count(nested)


def test_tensors_of_inference_mode_become_ordinary() -> None:
    with torch.inference_mode():
        made = torch.ones(2)
    found = ordinary([made])[0]
    assert not found.is_inference() and torch.equal(found, torch.ones(2))
