import numpy as np

from tlx.data.duplicates import duplicates_between
from tlx.data.pixels import Pixels

GREY = np.arange(3 * 2 * 4, dtype=np.uint8).reshape(3, 2, 4)


def pixels(array=GREY, labels=(0, 1, 0)):
    return Pixels("set", array, np.array(labels), np.arange(len(array)) + 10)


def test_an_image_is_read_as_it_lies_in_the_array():
    assert (pixels().read(1).mode, pixels().read(1).size) == ("L", (4, 2))
    np.testing.assert_array_equal(np.asarray(pixels().read(1)), GREY[1])
    colour = pixels(np.stack([GREY, GREY + 1, GREY + 2], axis=-1))
    assert colour.read(0).mode == "RGB"
    assert colour.read(0).getpixel((1, 0)) == (1, 2, 3)


def test_the_sides_of_all_images_are_those_of_the_array():
    assert pixels().sides().tolist() == [[2, 4]] * 3


def test_a_subset_keeps_images_labels_and_names_together():
    part = pixels().subset(np.array([2, 1]))
    assert [part.name(i) for i in (0, 1)] == ["set row 12", "set row 11"]
    assert part.labels.tolist() == [0, 1]
    np.testing.assert_array_equal(np.asarray(part.read(0)), GREY[2])


def test_the_fingerprint_follows_pixels_and_labels():
    prints = [pixels(), pixels(), pixels(GREY + 1), pixels(labels=(1, 1, 0))]
    first, again, brighter, other = (part.fingerprint() for part in prints)
    assert first == again
    assert len({first, brighter, other}) == 3


def test_equal_images_are_found_between_splits():
    train, val = pixels(), pixels(GREY[[1]], labels=[0])
    assert duplicates_between({"train": train, "val": val}) == [("set row 11", "set row 10")]


def test_several_images_are_read_as_one_array():
    np.testing.assert_array_equal(pixels().read_together(np.array([2, 0, 2])), GREY[[2, 0, 2]])
