"""A multi-layer perceptron: the network of the published figures on split and permuted MNIST."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from tlx.backbones.staged import StagedBackbone
from tlx.errors import bad_value
from tlx.preprocessing.image import ImagePreprocessing

__all__ = ["Network", "mlp"]


class Network(nn.Module):
    """Images, shape (B, C, H, W), to the values of the last hidden layer, shape (B, D).

    Args:
        inputs: C H W, >= 1.
        hidden: Units of each hidden layer, each >= 1; the last is D.
    """

    def __init__(self, inputs: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        for number, (width_in, width) in enumerate(pairwise([inputs, *hidden])):
            self.add_module(f"hidden{number}", nn.Sequential(nn.Linear(width_in, width), nn.ReLU()))

    def forward(self, images: Tensor) -> Tensor:
        """The last hidden layer, shape (B, D)."""
        values = images
        for layer in self.children():
            values = layer(values)
        return values


def mlp(
    hidden: Sequence[int] = (400, 400),
    channels: int = 1,
    image_size: int = 28,
    original_classes: Sequence[str] = (),
) -> StagedBackbone:
    r"""Fully connected layers on the pixels of an image, with random values.

    .. math:: h_k = \max(0, W_k h_{k-1} + b_k)

    with :math:`h_0` the pixels in [0, 1]. Weights and biases are drawn as PyTorch draws those of a
    linear layer, uniformly within :math:`\pm 1 / \sqrt{\text{units that come in}}`, which is what the
    published figures of van de Ven and Tolias 2019 (arXiv 1904.07734) were made with: two layers of 400
    units on split MNIST, two of 1000 on permuted MNIST, 28 x 28 padded to 32 x 32.

    Args:
        hidden: Units of each hidden layer, each >= 1; the last is the length of a feature vector.
        channels: 1 for grey, 3 for RGB, 2 or 4 for these with alpha; any number >= 1 of arrays.
        image_size: Height and width of what the network reads, in pixels, >= 1; what has another size is
            resized and cropped to it.
        original_classes: Make room for an original head of these classes, as a bundle that brings its
            own values does.

    Raises:
        ConfigError: A value is out of its range.
    """
    hidden = list(hidden)
    if not hidden or min(hidden) < 1:
        raise bad_value("hidden", hidden, "the units of one hidden layer or more, each >= 1", "[400,400]")
    if channels < 1:
        raise bad_value("channels", channels, "3 (RGB), 1 (grey), or another whole number >= 1")
    if image_size < 1:
        raise bad_value("image_size", image_size, "a whole number of pixels >= 1")

    def fresh() -> Network:
        return Network(channels * image_size**2, hidden)

    classes = tuple(original_classes)
    stages = [f"hidden{number}" for number in range(len(hidden))]
    return StagedBackbone(
        fresh(),
        {stage: (stage,) for stage in stages},
        out_features=hidden[-1],
        preprocessing=ImagePreprocessing(
            crop=image_size,
            resize=image_size,
            mean=(0.0,) * channels,
            std=(1.0,) * channels,
            channels=channels,
            scale=(0.7, 1.0),
        ),
        recipe={
            "_target_": "tlx.backbones.mlp.mlp",
            "hidden": hidden,
            "channels": channels,
            "image_size": image_size,
            "original_classes": list(classes),
        },
        fresh=fresh,
        original_head=nn.Linear(hidden[-1], len(classes)) if classes else None,
        original_classes=classes,
    )
