import math

import pytest
import torch

from tlx.errors import ConfigError
from tlx.functional.view_agreement import prominence, view_agreement


def test_confidence_and_agreement_by_hand() -> None:
    first = torch.tensor([[math.log(3.0), 0.0], [math.log(3.0), 0.0]])
    second = torch.tensor([[0.0, 0.0], [0.0, math.log(4.0)]])
    found = view_agreement(first, second)
    assert found.confidence.tolist() == pytest.approx([0.625, 0.775])
    assert found.share == 0.5
    assert found.surplus == pytest.approx(math.log(0.7 / 0.5))


def test_a_factor_moves_the_surplus_and_not_the_prominence() -> None:
    draw = torch.Generator().manual_seed(0)
    first = 2 * torch.randn(200, 12, generator=draw)
    second = first + 0.5 * torch.randn(200, 12, generator=draw)
    found = [view_agreement(times * first, times * second) for times in (0.3, 1.0, 3.0)]
    assert found[0].share == found[1].share == found[2].share
    assert found[0].surplus < found[1].surplus < found[2].surplus
    assert torch.allclose(prominence(3 * first), prominence(first))


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ConfigError, match="views"):
        view_agreement(torch.zeros(2, 3), torch.zeros(2, 4))
