"""Images that lie in one array are prepared at once."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tlx.preprocessing.image import ImagePreprocessing

STD = st.floats(0.01, 3) | st.just(1.0)
MOMENTS = st.sampled_from([1, 3]).flatmap(
    lambda channels: st.tuples(
        st.lists(STD | st.just(0.0), min_size=channels, max_size=channels),
        st.lists(STD, min_size=channels, max_size=channels),
    )
)


@given(MOMENTS, st.integers(1, 12), st.integers(1, 5), st.booleans())
def test_images_of_one_array_are_prepared_to_the_bits_of_each(moments, side, count, colour):
    mean, std = moments
    plain = ImagePreprocessing(mean=mean, std=std, channels=len(mean), crop=side, resize=side)
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, *([3] * colour)), dtype=np.uint8)
    together = plain.prepare_together(pixels)
    if colour and len(mean) == 1:
        assert together is None  # grey of colours is Pillow's to compute
        return
    each = plain.collate([plain.prepare(Image.fromarray(picture)) for picture in pixels])
    assert torch.equal(together, each)
    assert (together.dtype, together.stride()) == (each.dtype, each.stride())


def test_images_that_must_be_resized_or_cropped_are_not_prepared_together():
    pixels = np.zeros((2, 16, 16), np.uint8)
    assert (
        ImagePreprocessing(crop=16, resize=16, channels=1, mean=(0,), std=(1,)).prepare_together(pixels)
        is not None
    )
    for crop, resize in ((8, 8), (16, 18), (12, 16)):
        other = ImagePreprocessing(crop=crop, resize=resize, channels=1, mean=(0,), std=(1,))
        assert other.prepare_together(pixels) is None
    assert (
        ImagePreprocessing(crop=16, resize=16, channels=4, mean=(0,) * 4, std=(1,) * 4).prepare_together(
            pixels
        )
        is None
    )
