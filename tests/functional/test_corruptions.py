import colorsys
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_sample_image

from tlx.errors import ConfigError
from tlx.functional.corruptions import CORRUPTIONS, SEVERITIES, corrupted

NOISE = {"gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise"}


def drawn(seed=0):
    return np.random.default_rng(seed)


def made(pixels, corruption, severity, scale=1.0, seed=0):
    return corrupted(np.asarray(pixels, np.uint8), corruption, severity, drawn(seed), scale).astype(float)


def flat(value, side=120):
    return np.full((side, side, 3), value, np.uint8)


@pytest.fixture(scope="module")
def photo():
    return np.ascontiguousarray(load_sample_image("china.jpg")[100:324, 100:324])


@settings(max_examples=60, deadline=None)
@given(
    corruption=st.sampled_from(CORRUPTIONS),
    severity=st.sampled_from(SEVERITIES),
    sides=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    channels=st.sampled_from([(), (1,), (3,)]),
    scale=st.sampled_from([0.03, 0.14, 1.0, 2.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_picture_keeps_its_shape_and_comes_out_the_same_again(
    corruption, severity, sides, channels, scale, seed
):
    pixels = drawn(seed).integers(0, 256, (*sides, *channels)).astype(np.uint8)
    kept = pixels.copy()
    found = [corrupted(pixels, corruption, severity, drawn(seed), scale) for _ in range(2)]
    assert (found[0].shape, found[0].dtype) == (pixels.shape, np.uint8)
    np.testing.assert_array_equal(*found)
    np.testing.assert_array_equal(pixels, kept)


@pytest.mark.parametrize("corruption", sorted(set(CORRUPTIONS) - {"saturate"}))
def test_a_higher_severity_is_further_from_the_picture(photo, corruption):
    far = [abs(made(photo, corruption, severity) - photo).mean() for severity in SEVERITIES]
    assert far == sorted(set(far)) and far[0] > 3


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_grey_is_corrupted_with_and_without_an_axis_for_it_alike(photo, corruption):
    grey = photo[:50, :60, 0]
    np.testing.assert_array_equal(made(grey, corruption, 3), made(grey[:, :, None], corruption, 3)[:, :, 0])


@pytest.mark.parametrize("corruption", sorted(set(CORRUPTIONS) - NOISE - {"saturate", "jpeg_compression"}))
def test_grey_in_three_channels_stays_the_same_grey(photo, corruption):
    grey = photo[:50, :60, 0]
    found = made(np.stack([grey] * 3, axis=-1), corruption, 4)
    np.testing.assert_array_equal(found, np.stack([made(grey, corruption, 4)] * 3, axis=-1))


@pytest.mark.parametrize(
    ("corruption", "seed_counts"), [(n, n in NOISE | {"motion_blur"}) for n in CORRUPTIONS]
)
def test_only_noise_and_the_direction_of_motion_are_drawn(photo, corruption, seed_counts):
    one, other = (made(photo[:64, :64], corruption, 3, seed=seed) for seed in (1, 2))
    assert seed_counts != np.array_equal(one, other)


@pytest.mark.parametrize(("severity", "deviation"), [*enumerate((0.08, 0.12, 0.18), 1)])
def test_gaussian_noise_has_its_mean_and_deviation(severity, deviation):
    noise = made(flat(128), "gaussian_noise", severity) / 255 - 128 / 255
    assert noise.mean() == pytest.approx(0, abs=0.005)
    assert noise.std() == pytest.approx(deviation, rel=0.03)


@pytest.mark.parametrize(("severity", "photons"), [*enumerate((60, 25, 12), 1)])
def test_shot_noise_counts_photons(severity, photons):
    counts = made(flat(51), "shot_noise", severity) / 255 * photons
    np.testing.assert_allclose(counts, np.rint(counts), atol=photons / 255)
    assert counts.var() == pytest.approx(0.2 * photons, rel=0.05)
    assert counts.mean() == pytest.approx(0.2 * photons, rel=0.02)


@pytest.mark.parametrize(("severity", "share"), [*enumerate((0.03, 0.06, 0.09, 0.17, 0.27), 1)])
def test_impulses_are_black_or_white_and_as_many_as_published(severity, share):
    found = made(flat(100), "impulse_noise", severity)
    assert set(np.unique(found)) == {0, 100, 255}
    assert (found == 0).mean() == pytest.approx(share / 2, rel=0.1)
    assert (found == 255).mean() == pytest.approx(share / 2, rel=0.1)


@pytest.mark.parametrize(("value", "deviation"), [(100, 0.15), (0, 0.0)])
def test_speckles_are_as_strong_as_the_light(value, deviation):
    assert made(flat(value), "speckle_noise", 1).std() == pytest.approx(deviation * value, rel=0.03)


def test_a_point_out_of_focus_is_a_disk_whose_rim_is_smoothed():
    """By hand: of the 29 pixels within 3, each gets 255 / 29 = 8.79; the smoothing by 0.1 is none."""
    point = np.zeros((15, 15), np.uint8)
    point[7, 7] = 255
    down, right = np.mgrid[-7:8, -7:8]
    disk = down**2 + right**2 <= 9
    assert disk.sum() == 29
    np.testing.assert_array_equal(made(point, "defocus_blur", 1), np.where(disk, 9, 0))
    assert made(np.full((30, 40), 77), "defocus_blur", 5).tolist() == np.full((30, 40), 77).tolist()


def test_defocus_is_the_slow_convolution_with_that_disk_the_border_mirrored(photo):
    pixels = photo[:24, :30] / 255
    down, right = np.mgrid[-7:8, -7:8]
    disk = ndimage.gaussian_filter((down**2 + right**2 <= 16).astype(float), 0.5, truncate=2)
    slow = [ndimage.convolve(pixels[:, :, c], disk / disk.sum(), mode="mirror") for c in range(3)]
    found = made(photo[:24, :30], "defocus_blur", 2)
    assert abs(found - 255 * np.stack(slow, axis=-1)).max() <= 0.5 + 1e-6


def test_a_point_in_motion_leaves_a_trail_to_one_side_within_45_degrees():
    """By hand: 21 steps in the direction that is drawn, the weight of step i being exp(-i^2 / 18)."""
    point = np.zeros((61, 61), np.uint8)
    point[30, 30] = 255
    weights = np.exp(-(np.arange(21.0) ** 2) / 18)
    weights *= 255 / weights.sum()
    directions = set()
    for seed in range(12):
        found = made(point, "motion_blur", 1, seed=seed)
        places = np.argwhere(found)
        angle = np.radians(drawn(seed).uniform(-45, 45))
        steps = np.stack([np.arange(21) * np.sin(angle), np.arange(21) * np.cos(angle)], axis=1)
        trail = 30 - np.rint(steps).astype(int)
        expected = np.zeros_like(found)
        np.add.at(expected, tuple(trail.T), weights)
        np.testing.assert_allclose(found, np.rint(expected), atol=1e-9)
        assert (places[:, 1] <= 30).all() and (abs(places[:, 0] - 30) <= 30 - places[:, 1] + 1).all()
        directions.add(tuple(trail[10]))
    assert len(directions) > 6


@pytest.mark.parametrize("corruption", ["defocus_blur", "motion_blur", "gaussian_blur"])
def test_lengths_follow_the_scale(photo, corruption):
    """A picture of twice the size, blurred twice as far and made small again, is the one blurred."""
    large = np.asarray(Image.fromarray(photo).resize((448, 448), Image.Resampling.BICUBIC))
    small = Image.fromarray(made(large, corruption, 3, scale=2.0).astype(np.uint8)).resize((224, 224))
    near, far = (abs(made(photo, corruption, 3, scale) - np.asarray(small)).mean() for scale in (1, 2))
    assert near < 2.5 < far


def test_blurs_and_zoom_keep_what_is_flat():
    for corruption in ("gaussian_blur", "motion_blur", "zoom_blur", "pixelate"):
        np.testing.assert_array_equal(made(flat(77, 40), corruption, 5), flat(77, 40))


def test_zoom_blur_is_the_mean_of_the_picture_and_its_zooms(photo):
    pixels = photo[:60, :60] / 255
    total = pixels.copy()
    for factor in np.arange(1, 1.21, 0.02):
        side = int(np.ceil(60 / factor))
        top = (60 - side) // 2
        zoomed = ndimage.zoom(pixels[top : top + side, top : top + side], (factor, factor, 1), order=1)
        trim = (len(zoomed) - 60) // 2
        total += zoomed[trim : trim + 60, trim : trim + 60]
    assert abs(made(photo[:60, :60], "zoom_blur", 3) - 255 * total / 12).max() <= 0.5 + 1e-6


@pytest.mark.parametrize(("severity", "factor", "more"), [(1, 0.3, 0), (3, 2, 0), (4, 5, 0.1), (5, 20, 0.2)])
def test_saturation_is_changed_in_the_hsv_of_the_standard_library(photo, severity, factor, more):
    pixels = np.concatenate([photo[::16, ::16], [[[90, 90, 90]] * 14, [[0, 0, 0]] * 14]]).astype(np.uint8)
    found = made(pixels, "saturate", severity)
    for place in np.ndindex(pixels.shape[:2]):
        hue, saturation, value = colorsys.rgb_to_hsv(*(pixels[place] / 255))
        expected = colorsys.hsv_to_rgb(hue, min(saturation * factor + more, 1), value)
        np.testing.assert_allclose(found[place], 255 * np.array(expected), atol=0.5 + 1e-6)
    assert np.array_equal(made(photo[:, :, 0], "saturate", severity), photo[:, :, 0])


def test_brightness_is_added_in_the_hsv_of_the_standard_library(photo):
    pixels = np.concatenate([photo[::16, ::16], [[[0, 0, 0]] * 14]]).astype(np.uint8)
    found = made(pixels, "brightness", 2)
    for place in np.ndindex(pixels.shape[:2]):
        hue, saturation, value = colorsys.rgb_to_hsv(*(pixels[place] / 255))
        expected = colorsys.hsv_to_rgb(hue, saturation, min(value + 0.2, 1))
        np.testing.assert_allclose(found[place], 255 * np.array(expected), atol=0.5 + 1e-6)


def test_contrast_is_taken_around_the_mean_of_each_channel():
    """By hand: channel means 100 and 30; 0.3 of the way from them."""
    pixels = np.array([[[0, 10, 7], [200, 50, 7]]])
    assert made(pixels, "contrast", 2).tolist() == [[[70, 24, 7], [130, 36, 7]]]


def test_pixels_become_the_means_of_blocks():
    pixels = np.array([[0, 100, 10, 10], [100, 200, 10, 10], [0, 0, 40, 60], [0, 0, 80, 100]])
    expected = np.repeat(np.repeat([[100, 10], [0, 70]], 2, axis=0), 2, axis=1)
    assert made(pixels, "pixelate", 2).tolist() == expected.tolist()


def test_jpeg_is_that_of_pillow_at_the_published_quality(photo):
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=10)
    np.testing.assert_array_equal(made(photo, "jpeg_compression", 4), np.asarray(Image.open(file)))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gausian_noise", 1), "no corruption 'gausian_noise'.* Try: gaussian_noise"),
        (("contrast", 0), "severity=0 .* from 1, mild, to 5"),
        (("contrast", 6), "severity=6"),
        (("contrast", 1, 0.0), r"scale=0\.0 .* > 0"),
        (("contrast", 1, float("nan")), "scale=nan"),
    ],
)
def test_what_does_not_exist_is_refused(arguments, said):
    corruption, severity, *scale = arguments
    with pytest.raises(ConfigError, match=said):
        corrupted(flat(0, 4), corruption, severity, drawn(), *scale)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 4), np.uint8)],
)
def test_what_is_no_picture_is_refused(pixels):
    with pytest.raises(ConfigError, match="pixels="):
        corrupted(pixels, "contrast", 1, drawn())
