import torch

from tlx.inspection.corrections import corrections, impossible, reversed_channels, strangeness
from tlx.preprocessing.image import ImagePreprocessing

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OWN = ImagePreprocessing(crop=8, resize=8, mean=MEAN, std=STD)
M, S = (torch.tensor(each).view(-1, 1, 1) for each in (MEAN, STD))


def photos() -> torch.Tensor:
    """Values in [0, 1] with the statistics of photos."""
    values = torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return (M + S * values).clamp(0, 1)


def test_nothing_is_tried_where_values_are_as_they_ought_to_be() -> None:
    right = (photos() - M) / S
    assert strangeness(right) < 0.1
    assert corrections(right, OWN) == []
    (plain,) = corrections(right, OWN, plain=True)
    assert torch.allclose(plain.inputs, photos(), atol=1e-5)


def test_each_fault_is_undone_by_the_first_correction() -> None:
    right = (photos() - M) / S
    for values in (photos() * 255, photos() / 255, (photos() - M) / S, (photos() - 0.5) / 0.5):
        first = corrections((values - M) / S, OWN)[0]
        assert torch.allclose(first.inputs, right, atol=1e-3), first.fault


def test_another_mean_and_std_are_tried() -> None:
    bare = ImagePreprocessing(crop=8, resize=8, mean=(0,) * 3, std=(1,) * 3)
    found = corrections(photos(), bare)
    assert any(torch.allclose(each.inputs, (photos() - M) / S, atol=1e-5) for each in found)
    assert found[0].fix == "model.mean=[0.485,0.456,0.406] model.std=[0.229,0.224,0.225]"


def test_colours_are_reversed_as_pictures_and_not_as_inputs() -> None:
    turned = reversed_channels((photos() - M) / S, OWN)
    assert turned is not None
    assert torch.allclose(turned.inputs, (photos().flip(1) - M) / S, atol=1e-5)
    grey = photos()[:, :1].expand(-1, 3, -1, -1)
    assert reversed_channels((grey - M) / S, OWN) is None
    one = ImagePreprocessing(crop=8, resize=8, mean=(0.5,), std=(0.25,), channels=1)
    assert reversed_channels(photos()[:, :1], one) is None


def test_values_that_no_picture_has_are_seen() -> None:
    assert not impossible((photos() - M) / S, OWN)
    assert impossible((photos() * 255 - M) / S, OWN)
    assert impossible((((photos() - M) / S) - M) / S, OWN)
    other = ImagePreprocessing(crop=8, resize=8, mean=(120.0,) * 3, std=(60.0,) * 3)
    assert not impossible((photos() * 255 - 120) / 60, other)
