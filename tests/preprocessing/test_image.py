import io
import json
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.models import ResNet18_Weights, ViT_B_16_Weights
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

from tlx.errors import ConfigError, DataError
from tlx.preprocessing.image import ImagePreprocessing, upright
from tlx.recipe import build

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def imagenet(crop=224, resize=256, interpolation="bilinear"):
    return ImagePreprocessing(crop, resize, MEAN, STD, interpolation=interpolation)


def small(**more):
    return ImagePreprocessing(**({"crop": 16, "resize": 20, "mean": (0.5,) * 3, "std": (0.25,) * 3} | more))


def noise(width, height, channels=3, seed=0):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


@pytest.mark.parametrize("size", [(256, 256), (300, 200), (97, 411), (40, 30)])
def test_prepare_equals_torchvisions_own_transform(size):
    picture = noise(*size)
    assert torch.equal(imagenet().prepare(picture), ResNet18_Weights.DEFAULT.transforms()(picture))


def test_prepare_equals_torchvisions_bicubic_transform():
    picture = noise(431, 390)
    theirs = ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1.transforms()(picture)
    assert torch.equal(imagenet(384, 384, "bicubic").prepare(picture), theirs)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "RGBA", "CMYK", "YCbCr", "P"])
def test_every_mode_is_read_as_its_rgb_copy(mode):
    picture = noise(64, 48).convert(mode)
    theirs = ResNet18_Weights.DEFAULT.transforms()(picture.convert("RGB"))
    assert torch.equal(imagenet().prepare(picture), theirs)


def test_a_palette_with_transparency_is_read_without_a_warning():
    file = io.BytesIO()
    noise(64, 48).convert("P").save(file, "PNG", transparency=bytes([0, 128] * 128))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = imagenet().prepare(Image.open(file))
    theirs = ResNet18_Weights.DEFAULT.transforms()(Image.open(file).convert("RGBA").convert("RGB"))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_sixteen_bit_grey_keeps_its_whole_range(dtype):
    eight = np.arange(16 * 16, dtype=np.uint8).reshape(16, 16)
    wide = Image.fromarray(eight.astype(dtype) * 257)
    plain = small(crop=16, resize=16)
    assert torch.equal(plain.prepare(wide), plain.prepare(Image.fromarray(eight)))


def test_pixels_of_unknown_range_are_refused():
    with pytest.raises(DataError, match="floating"):
        small().prepare(Image.fromarray(np.ones((8, 8), np.float32)))
    with pytest.raises(DataError, match="32-bit"):
        small().prepare(Image.fromarray(np.full((8, 8), 70000, np.int32)))


def test_a_photo_taken_sideways_is_turned_upright():
    upright = noise(20, 40)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 270 degrees counter-clockwise to see it
    file = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(file, "PNG", exif=exif)
    assert torch.equal(small().prepare(Image.open(file)), small().prepare(upright))


def as_torchvision_does(plain, picture):
    """The same in torchvision's own steps, whether or not they change anything."""
    resized = F.resize(picture, [plain.resize], interpolation=InterpolationMode(plain.interpolation))
    pixels = F.convert_image_dtype(F.pil_to_tensor(F.center_crop(resized, [plain.crop])), torch.float32)
    return F.normalize(pixels, list(plain.mean), list(plain.std))


spreads = st.floats(0.01, 3) | st.sampled_from([1.0, 0.3081])
moments = st.sampled_from([1, 3]).flatmap(
    lambda channels: st.tuples(
        st.lists(spreads | st.just(0.0), min_size=channels, max_size=channels),
        st.lists(spreads, min_size=channels, max_size=channels),
    )
)
sides = st.integers(4, 30)


@given(moments, st.integers(1, 20), st.integers(0, 8), st.tuples(sides, sides) | sides.map(lambda n: (n, n)))
def test_prepare_is_torchvisions_own_steps_to_the_bit(moments, crop, more, size):
    mean, std = moments
    plain = small(mean=mean, std=std, channels=len(mean), crop=crop, resize=crop + more)
    picture = noise(*size, len(mean))
    prepared, expected = plain.prepare(picture), as_torchvision_does(plain, picture)
    assert torch.equal(prepared, expected)
    assert (prepared.dtype, prepared.stride()) == (expected.dtype, torch.empty(expected.shape).stride())


@pytest.mark.parametrize(("mean", "std"), [((0.0,), (1.0,)), ((0.1307,), (0.3081,)), (MEAN, STD)])
def test_each_of_the_256_values_is_torchvisions_to_the_bit(mean, std):
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = Image.fromarray(every if len(mean) == 1 else np.stack([every, every.T, every[::-1]], axis=2))
    plain = small(mean=mean, std=std, channels=len(mean), crop=16, resize=16)
    assert torch.equal(plain.prepare(picture), as_torchvision_does(plain, picture))


def test_a_picture_of_the_size_is_neither_resized_nor_changed(monkeypatch):
    picture = noise(16, 16)
    before = np.asarray(picture).copy()
    for name in ("resize", "center_crop"):
        monkeypatch.setattr(F, name, None)
    prepared = small(crop=16, resize=16).prepare(picture)
    prepared.zero_()
    np.testing.assert_array_equal(np.asarray(picture), before)


def test_a_picture_that_stands_upright_is_itself():
    picture = noise(8, 6)
    assert upright(picture) is picture
    exif = Image.Exif()
    exif[0x0112] = 8
    file = io.BytesIO()
    picture.save(file, "PNG", exif=exif)
    assert upright(Image.open(file)).size == (6, 8)


def test_values_by_hand():
    picture = Image.new("RGB", (16, 16), (255, 0, 51))
    prepared = small(mean=(0.5, 0.5, 0.2), std=(0.5, 0.25, 1.0), resize=16).prepare(picture)
    assert prepared.shape == (3, 16, 16)
    assert prepared.dtype == torch.float32
    torch.testing.assert_close(prepared[:, 3, 7], torch.tensor([1.0, -2.0, 0.0]))


def test_grey_has_one_channel():
    grey = ImagePreprocessing(16, 16, (0.0,), (1.0,), channels=1)
    assert (
        grey.prepare(Image.new("RGB", (30, 30), (255, 255, 255))).tolist() == torch.ones(1, 16, 16).tolist()
    )


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_a_picture_is_read_with_as_many_channels_as_asked_for(channels, mode):
    plain = small(channels=channels, mean=(0.0,) * channels, std=(1.0,) * channels, resize=16)
    for source in (noise(16, 16), noise(16, 16, 1), noise(16, 16, 4)):
        pixels = np.asarray(source.convert(mode), np.float32).reshape(16, 16, channels)
        assert torch.equal(plain.prepare(source), torch.from_numpy(pixels).permute(2, 0, 1) / 255)


def test_alpha_that_is_a_channel_leaves_the_colours_alone():
    plain = small(channels=4, mean=(0.0,) * 4, std=(1.0,) * 4, resize=16)
    unseen = Image.new("RGBA", (64, 64), (255, 51, 0, 0))
    assert plain.prepare(unseen)[:, 5, 5].tolist() == pytest.approx([1.0, 0.2, 0.0, 0.0])
    picture = noise(50, 40, 4)
    assert torch.equal(plain.prepare(picture)[3], plain_channel(picture.getchannel("A")))


def plain_channel(band):
    return small(channels=1, mean=(0.0,), std=(1.0,), resize=16).prepare(band)[0]


@pytest.mark.parametrize("augmented", [False, True])
def test_an_array_goes_through_the_geometry_of_a_picture(augmented):
    def read(sample, channels=3):
        plain = small(channels=channels, mean=(0.4,) * channels, std=(0.2,) * channels)
        generator = torch.Generator().manual_seed(1)
        return plain.augment(sample, generator, True) if augmented else plain.prepare(sample)

    picture = noise(70, 40)
    array = np.asarray(picture)
    assert torch.equal(read(array), read(picture))
    six = read(np.concatenate([array, array[:, :, ::-1]], 2), 6)
    assert torch.equal(six[:3], read(picture))
    assert torch.equal(six[3:], read(picture).flip(0))
    wide, real = read(array.astype(np.uint16) * 257), read(array / 255)
    torch.testing.assert_close(wide, read(picture), atol=0.02, rtol=0)  # 8 bits are rounded, these are not
    torch.testing.assert_close(wide, real, atol=1e-5, rtol=0)
    assert torch.equal(read(array[:, :, 0], 1), read(array[:, :, :1], 1))


def test_an_array_of_other_channels_or_of_unknown_range_is_refused():
    for channels, said in ((5, r"\(8, 8, 5\).*\(H, W, 3\).*Try: model\.channels=5"), (0, r"\(8, 8, 0\)")):
        with pytest.raises(DataError, match=said):
            small().prepare(np.zeros((8, 8, channels), np.uint8))
    with pytest.raises(DataError, match="shape"):
        small().prepare(np.zeros((8, 8), np.uint8))
    with pytest.raises(DataError, match="int64"):
        small().prepare(np.zeros((8, 8, 3), np.int64))
    with pytest.raises(DataError, match="at most 4 channels, the network reads 6"):
        small(channels=6, mean=(0.0,) * 6, std=(1.0,) * 6).prepare(noise(8, 8))


def test_a_long_strip_does_not_fill_the_memory_and_shows_its_middle():
    strip = Image.new("L", (100_000, 1))
    strip.paste(255, (49_000, 0, 51_000, 1))
    prepared = small(mean=(0.0,) * 3, std=(1.0,) * 3).prepare(strip)
    assert prepared.min() == 1.0


def test_augment_is_a_function_of_its_generator():
    picture, before = noise(80, 50), torch.get_rng_state()

    def draw(seed):
        return small().augment(picture, torch.Generator().manual_seed(seed), True)

    assert torch.equal(draw(3), draw(3))
    assert not torch.equal(draw(3), draw(4))
    assert draw(3).shape == (3, 16, 16)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("size", [(80, 50), (4, 4), (400, 3), (1, 1)])
def test_augment_draws_as_often_whatever_the_picture(size):
    generator, reference = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
    assert small().augment(noise(*size), generator, True).shape == (3, 16, 16)
    small().augment(noise(64, 64), reference, False)
    assert torch.equal(generator.get_state(), reference.get_state())


def test_augment_keeps_area_and_ratio_in_range():
    whole = 120 * 100
    for seed in range(200):
        draws = torch.rand(11, 4, generator=torch.Generator().manual_seed(seed)).tolist()
        top, left, height, width = small(scale=(0.4, 0.6))._part(100, 120, draws)
        assert 0.39 < height * width / whole < 0.61
        assert 0.73 < width / height < 1.36
        assert top >= 0
        assert left >= 0
        assert top + height <= 100
        assert left + width <= 120


def test_half_of_the_samples_are_mirrored_only_where_that_is_allowed():
    ramp = Image.fromarray(np.tile(np.arange(0, 240, 4, dtype=np.uint8), (60, 1)))

    def mirrored(flip):
        drawn = [small().augment(ramp, torch.Generator().manual_seed(seed), flip) for seed in range(200)]
        return sum(bool(x[0, 8, 0] > x[0, 8, -1]) for x in drawn)

    assert mirrored(False) == 0
    assert 70 < mirrored(True) < 130


def test_described_and_rebuilt_it_is_the_same():
    ours = small(interpolation="bicubic", scale=(0.2, 0.9))
    described = json.loads(json.dumps(ours.describe()))
    assert build(described) == ours
    assert described["_target_"] == "tlx.preprocessing.image.ImagePreprocessing"


def test_collate_stacks_and_save_writes_nothing(tmp_path):
    pictures = [small().prepare(noise(30, 30, seed=seed)) for seed in range(3)]
    assert torch.equal(small().collate(pictures)[1], pictures[1])
    small().save(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"crop": 0}, "crop=0"),
        ({"resize": 8}, "at least crop=16"),
        ({"channels": 0}, "channels=0"),
        ({"mean": (0.5,)}, "mean="),
        ({"std": (0.5, 0.0, 0.5)}, "std="),
        ({"scale": (0.9, 0.5)}, "scale="),
        ({"interpolation": "bilinaer"}, "Try: bilinear"),
    ],
)
def test_wrong_settings_are_refused(wrong, said):
    with pytest.raises(ConfigError, match=said):
        small(**wrong)
