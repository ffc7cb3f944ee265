import os
import shutil

import numpy as np
import pytest
from PIL import Image

from tlx.data.checks import Faults
from tlx.data.image_search import EXTENSIONS, find_images
from tlx.data.images import ImageFiles, read_image
from tlx.errors import DataError


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


def test_sides_are_those_of_an_image_that_stands_upright_and_are_remembered(tmp_path, write_image):
    write_image(tmp_path / "a.png")
    turned = Image.Exif()
    turned[0x0112] = 8
    Image.new("L", (5, 7)).save(tmp_path / "b.jpg", exif=turned)

    def sides():
        return find_images(str(tmp_path), [("", 0)], EXTENSIONS, Faults()).sides().tolist()

    assert sides() == [[10, 12], [5, 7]]
    write_image(tmp_path / "a.png", size=(3, 4))
    os.truncate(tmp_path / "b.jpg", 0)
    with pytest.raises(DataError, match=r"cannot read .*b\.jpg"):
        sides()
    (tmp_path / "b.jpg").unlink()
    assert sides() == [[4, 3]]


def test_sides_of_files_that_did_not_change_are_not_read_again(tmp_path, write_image, monkeypatch):
    write_image(tmp_path / "a.png")
    files = find_images(str(tmp_path), [("", 0)], EXTENSIONS, Faults())
    assert files.sides().tolist() == [[10, 12]]
    monkeypatch.setattr(Image, "open", None)
    assert files.sides().tolist() == [[10, 12]]


def fingerprint_of(folder):
    return find_images(str(folder), [("", 0)], EXTENSIONS, Faults()).fingerprint()


@pytest.mark.parametrize("whole", [True, False], ids=["read whole", "read at both ends"])
def test_an_edit_of_the_same_size_is_seen_also_where_the_time_is_set_back(tmp_path, monkeypatch, whole):
    monkeypatch.setattr("tlx.data.images._READ_WHOLE", 100 if whole else 1)
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(bytes(range(200)) * 100)
    first, before = fingerprint_of(tmp_path), (tmp_path / "a.png").stat()
    (tmp_path / "a.png").write_bytes(bytes(range(200)) * 99 + bytes(200))
    os.utime(tmp_path / "a.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (tmp_path / "a.png").stat().st_mtime_ns == before.st_mtime_ns
    assert fingerprint_of(tmp_path) != first
    (tmp_path / "a.png").write_bytes(bytes(range(200)) * 100)
    assert fingerprint_of(tmp_path) == first


def test_only_files_that_changed_are_read_again(tmp_path, monkeypatch, write_image):
    for name in "abc":
        write_image(tmp_path / f"{name}.png")
    first = fingerprint_of(tmp_path)
    read = []
    digest = ImageFiles.digest
    monkeypatch.setattr(ImageFiles, "digest", lambda self, i: read.append(self.name(i)) or digest(self, i))
    os.utime(tmp_path / "b.png", ns=(1, 1))
    assert fingerprint_of(tmp_path) == fingerprint_of(tmp_path) == first
    assert read == [str(tmp_path / "b.png")]


def test_a_copy_elsewhere_is_the_same_set(tmp_path, write_image):
    write_image(tmp_path / "here" / "a.png")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    assert fingerprint_of(tmp_path / "here") == fingerprint_of(tmp_path / "there")
