import numpy as np
import pytest
from PIL import Image

from tlx.data.checks import Faults
from tlx.data.duplicates import comparable
from tlx.data.image_search import EXTENSIONS, find_images
from tlx.data.overlap import sample_hashes
from tlx.data.pixels import Pixels
from tlx.data.rearranged import Rearranged, pixels_of
from tlx.errors import DataError

GREY = np.arange(1, 1 + 3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2)
PLACES = np.array([[3, -1, 0], [1, 2, 2]])


def split(array=GREY):
    return Pixels("set", array, np.arange(len(array)), np.arange(len(array)))


def test_every_pixel_comes_from_its_place_and_black_from_none():
    moved = Rearranged(split(), (2, 2), PLACES)
    image = moved.read(1)
    assert (image.mode, image.size) == ("L", (3, 2))
    assert np.asarray(image).tolist() == [[8, 0, 5], [6, 7, 7]]
    assert moved.labels.tolist() == [0, 1, 2]
    assert moved.sides().tolist() == [[2, 3]] * 3
    assert moved.name(2) == "set row 2"


def test_all_channels_are_rearranged_alike():
    colour = np.stack([GREY, GREY + 50, GREY + 100], axis=-1)
    image = Rearranged(split(colour), (2, 2), PLACES).read(0)
    assert image.mode == "RGB"
    grey = np.asarray(Rearranged(split(), (2, 2), PLACES).read(0)).astype(int)
    shifts = np.where(grey[..., None] > 0, [0, 50, 100], 0)
    np.testing.assert_array_equal(np.asarray(image), grey[..., None] + shifts)


class Arrays:
    """A split whose samples are arrays of any type."""

    labels = np.array([0])

    def __init__(self, array):
        self.array = array

    def __len__(self):
        return 1

    def read(self, index):
        return self.array

    def name(self, index):
        return "own 0"


def test_an_array_stays_one_of_its_type():
    array = np.random.default_rng(0).random((2, 2, 5))
    moved = Rearranged(Arrays(array), (2, 2), PLACES).read(0)
    assert (moved.dtype, moved.shape) == (np.float64, (2, 3, 5))
    assert (moved[0, 1] == 0).all() and (moved[0, 0] == array[1, 1]).all()
    assert not comparable(Rearranged(Arrays(array), (2, 2), PLACES))


def test_a_subset_is_rearranged_alike():
    moved = Rearranged(split(), (2, 2), PLACES)
    part = moved.subset(np.array([2, 0]))
    np.testing.assert_array_equal(np.asarray(part.read(0)), np.asarray(moved.read(2)))
    assert part.labels.tolist() == [2, 0]


def test_hashes_follow_the_sample_and_the_places():
    one, same, other = (
        Rearranged(split(), (2, 2), places) for places in (PLACES, PLACES.copy(), PLACES[:, ::-1])
    )
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()
    assert Rearranged(split(GREY + 1), (2, 2), PLACES).fingerprint() != one.fingerprint()
    assert one.hashes().tolist() == same.hashes().tolist()
    seen = [*one.hashes(), *other.hashes(), *sample_hashes(split())]
    assert len(set(seen)) == 9
    digests = [int.from_bytes(one.digest(i)[:8], "big") for i in range(3)]
    assert digests == one.short_digests(np.arange(3)).tolist() == one.hashes().tolist()
    assert list(one.entries()) == list(same.entries()) != list(other.entries())
    assert [name for name, _ in one.entries()] == [f"set row {i}" for i in range(3)]


@pytest.fixture
def photos(tmp_path):
    """Three files of 2 x 4 pixels, one of them stored on its side, and where they lie."""
    picture = np.arange(8, dtype=np.uint8).reshape(2, 4) * 30
    Image.fromarray(picture).save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter when shown
    Image.fromarray(np.rot90(picture)).save(tmp_path / "b.png", exif=exif)
    Image.fromarray(picture).convert("P").save(tmp_path / "c.png")
    return tmp_path, picture


def found(folder):
    return find_images(str(folder), [("", 0)], EXTENSIONS, Faults())


def test_files_are_rearranged_as_they_stand_upright(photos):
    folder, picture = photos
    moved = Rearranged(found(folder), (2, 4), np.arange(8).reshape(4, 2))
    for index in range(3):
        grey = np.asarray(moved.read(index).convert("L"))
        np.testing.assert_array_equal(grey, picture.reshape(4, 2))
        assert moved.read(index).getexif() == {}


def test_a_file_of_another_size_is_named_before_any_is_read(photos):
    folder, _ = photos
    Image.new("L", (3, 2)).save(folder / "d.png")
    with pytest.raises(DataError, match=r"d\.png has 3 x 2 pixels and others have 4 x 2.*images of one size"):
        Rearranged(found(folder), (2, 4), np.arange(8).reshape(2, 4))


def test_a_sample_whose_size_nobody_told_before_is_refused_when_it_is_read():
    moved = Rearranged(Arrays(np.zeros((3, 2))), (2, 2), PLACES)
    with pytest.raises(DataError, match="own 0 has 2 x 3 pixels and others have 2 x 2"):
        moved.read(0)


@pytest.mark.parametrize(
    ("mode", "shape"),
    [
        ("1", (2, 4)),
        ("L", (2, 4)),
        ("LA", (2, 4, 2)),
        ("RGB", (2, 4, 3)),
        ("RGBA", (2, 4, 4)),
        ("P", (2, 4, 4)),
        ("CMYK", (2, 4, 3)),
        ("YCbCr", (2, 4, 3)),
        ("F", (2, 4)),
    ],
)
def test_every_mode_has_pixels_whose_zero_is_black(mode, shape):
    black = pixels_of(Image.new("L", (4, 2), 0).convert(mode))
    assert black.shape == shape
    assert not (black if len(shape) == 2 else black[..., : 1 if mode == "LA" else 3]).any()
    shade = 255 if mode == "1" else 200
    light = Image.fromarray(pixels_of(Image.new("L", (4, 2), shade).convert(mode))).convert("L")
    assert (abs(np.asarray(light).astype(int) - shade) <= 1).all()


def test_several_images_are_rearranged_as_each_of_them():
    for array in (GREY, np.stack([GREY, GREY + 50, GREY + 100], axis=-1)):
        moved = Rearranged(split(array), (2, 2), PLACES)
        wanted = np.array([2, 0, 1, 2])
        each = np.stack([np.asarray(moved.read(index)) for index in wanted])
        np.testing.assert_array_equal(moved.read_together(wanted), each)
    np.testing.assert_array_equal(GREY, np.arange(1, 13).reshape(3, 2, 2))  # which nothing was written to
