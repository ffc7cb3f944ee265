import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tlx.data.checks import Faults
from tlx.data.images import EXTENSIONS, check_images, find_images, read_image


def png_header(width, height):
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


def found(root, faults=None, folders=(("", 0),)):
    files = find_images(str(root), folders, EXTENSIONS, faults or Faults())
    return [os.path.relpath(files.name(index), root) for index in range(len(files))]


def faults_of(root, decode=True):
    faults = Faults()
    files = find_images(str(root), [("", 0)], EXTENSIONS, faults)
    check_images(files, decode, faults, shorten=str(root))
    return dict(entry[:-1].split(" (", 1) for entry in faults.first)


def test_images_come_in_the_order_of_their_names_with_sub_folders(tmp_path, write_image):
    for path in ("b.png", "a/z.JPG", "a/deep/x.png", ".hidden.png", ".git/x.png"):
        write_image(tmp_path / path)
    (tmp_path / "notes.txt").touch()
    assert found(tmp_path) == ["a/deep/x.png", "a/z.JPG", "b.png"]


def test_links_are_followed_and_circles_end(tmp_path, write_image):
    write_image(tmp_path / "outside/x.png")
    (tmp_path / "in/sub").mkdir(parents=True)
    os.symlink(tmp_path / "outside", tmp_path / "in/link")
    os.symlink(tmp_path / "in", tmp_path / "in/sub/circle")
    assert found(tmp_path / "in") == ["link/x.png"]


@pytest.mark.timeout(20)
def test_what_is_no_file_is_listed_and_does_not_hang(tmp_path, write_image):
    write_image(tmp_path / "good.png")
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    os.symlink("nowhere", tmp_path / "dead.png")
    assert faults_of(tmp_path) == {
        "dead.png": "a link to nothing",
        "folder.jpg": "a folder",
        "pipe.png": "not a regular file",
    }
    faults = Faults()
    assert found(tmp_path, faults, [("pipe.png", 0)]) == []
    assert faults.first == ["pipe.png (not a regular file)"]


def test_files_that_are_no_whole_images_are_found(tmp_path, write_image):
    write_image(tmp_path / "good.jpg")
    data = write_image(tmp_path / "cut.jpg", size=(200, 200)).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.png").touch()
    (tmp_path / "words.jpg").write_text("not a picture")
    reasons = faults_of(tmp_path)
    assert reasons.keys() == {"cut.jpg", "empty.png", "words.jpg"}
    assert reasons["empty.png"] == "empty file"
    assert reasons["words.jpg"] == "not an image"
    assert "truncated" in reasons["cut.jpg"]
    assert faults_of(tmp_path, decode=False).keys() == {"empty.png", "words.jpg"}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("width", "height"), [(20_000, 10_000), (10_000, 10_000)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path, width, height):
    (tmp_path / "bomb.png").write_bytes(png_header(width, height))
    assert faults_of(tmp_path, decode=False) == {
        "bomb.png": "more than the 89478485 pixels that Pillow allows"
    }
    with pytest.raises(Image.DecompressionBombError):
        read_image(str(tmp_path / "bomb.png"))


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA"])
def test_an_image_is_read_as_it_lies_in_the_file(tmp_path, write_image, mode):
    image = read_image(str(write_image(tmp_path / "x.png", mode)))
    assert (image.mode, image.size) == (mode, (12, 10))


def test_cmyk_and_animated_files_are_read(tmp_path, write_image):
    assert read_image(str(write_image(tmp_path / "x.jpg", "CMYK"))).mode == "CMYK"
    frames = [Image.new("L", (4, 4), shade) for shade in (10, 200)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert np.asarray(read_image(str(tmp_path / "x.gif")).convert("L")).max() == 10


def test_sixteen_bits_become_the_high_eight(tmp_path):
    wide = np.array([[0, 255, 256], [0x8000, 0xFF00, 0xFFFF]], dtype=np.uint16)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    image = read_image(str(tmp_path / "wide.png"))
    assert image.mode == "L"
    assert np.asarray(image).tolist() == [[0, 0, 1], [128, 255, 255]]


def test_the_fingerprint_follows_names_and_labels_not_times(tmp_path, write_image):
    for name in "ab":
        write_image(tmp_path / f"{name}.png")

    def fingerprint(label=0):
        return find_images(str(tmp_path), [("", label)], EXTENSIONS, Faults()).fingerprint()

    first = fingerprint()
    assert fingerprint() == first
    assert fingerprint(label=1) != first
    state = find_images(str(tmp_path), [("", 0)], EXTENSIONS, Faults()).state()
    os.utime(tmp_path / "a.png", ns=(1, 1))
    assert fingerprint() == first, "a changed time is no change"
    assert find_images(str(tmp_path), [("", 0)], EXTENSIONS, Faults()).state() != state
    os.rename(tmp_path / "a.png", tmp_path / "c.png")
    assert fingerprint() != first


def test_a_subset_keeps_names_labels_and_sizes_together(tmp_path, write_image):
    for name in ("a/1.png", "a/2.png", "b/3.png"):
        write_image(tmp_path / name)
    files = find_images(str(tmp_path), [("a", 0), ("b", 1)], EXTENSIONS, Faults())
    part = files.subset(np.array([2, 0]))
    assert [os.path.relpath(part.name(i), tmp_path) for i in (0, 1)] == ["b/3.png", "a/1.png"]
    assert part.labels.tolist() == [1, 0]
    assert part.sizes.tolist() == [os.path.getsize(part.name(i)) for i in (0, 1)]
