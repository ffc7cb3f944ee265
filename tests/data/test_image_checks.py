import struct
import zlib

import pytest
from PIL import Image

from tlx.data import image_checks
from tlx.data.checks import Faults
from tlx.data.image_checks import check_duplicates, check_images, sound_images
from tlx.data.image_search import EXTENSIONS, find_images
from tlx.data.images import ImageFiles, read_image
from tlx.errors import DataError
from tlx.types import Splits


def png_header(width, height):
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


def faults_of(root, decode=True):
    faults = Faults()
    files = find_images(str(root), [("", 0)], EXTENSIONS, faults)
    check_images(files, decode, faults, shorten=str(root))
    return dict(faults)


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


def files_in(folder):
    return find_images(str(folder), [("", 0)], EXTENSIONS, Faults())


def sound(root, found, check="decode", bad_files="skip"):
    faults = Faults()
    kept = sound_images(found, str(root), check, bad_files, faults)
    return {word: len(files) for word, files in kept.items()}, dict(faults)


@pytest.fixture
def looked(monkeypatch):
    """The names of the files that were decoded, in any order."""
    names = []
    fault = image_checks._fault
    monkeypatch.setattr(
        image_checks,
        "_fault",
        lambda path, *rest: names.append(path.rpartition("/")[2]) or fault(path, *rest),
    )
    return names


def test_only_files_that_changed_or_were_bad_are_looked_at_again(tmp_path, write_image, looked):
    for name in ("train/a.png", "train/b.png", "val/c.png"):
        write_image(tmp_path / name)
    (tmp_path / "train/bad.png").write_text("words")

    def run():
        looked.clear()
        kept, faults = sound(tmp_path, {word: files_in(tmp_path / word) for word in ("train", "val")})
        return sorted(looked), kept, faults

    bad = {"train/bad.png": "not an image"}
    assert run() == (["a.png", "b.png", "bad.png", "c.png"], {"train": 2, "val": 1}, bad)
    assert run() == (["bad.png"], {"train": 2, "val": 1}, bad)
    write_image(tmp_path / "train/b.png", size=(30, 30))
    write_image(tmp_path / "val/d.png")
    assert run() == (["b.png", "bad.png", "d.png"], {"train": 2, "val": 2}, bad)
    write_image(tmp_path / "train/bad.png")
    assert run() == (["bad.png"], {"train": 3, "val": 2}, {})
    assert run()[0] == []


def test_a_check_of_headers_is_no_check_of_pixels(tmp_path, write_image, looked):
    data = write_image(tmp_path / "cut.jpg", size=(200, 200)).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    assert sound(tmp_path, {"train": files_in(tmp_path)}, "header") == ({"train": 1}, {})
    assert sound(tmp_path, {"train": files_in(tmp_path)}, "none") == ({"train": 1}, {})
    assert sound(tmp_path, {"train": files_in(tmp_path)})[0] == {"train": 0}
    with pytest.raises(DataError, match=r"1 file cannot be used: cut\.jpg .*data\.bad_files=skip"):
        sound(tmp_path, {"train": files_in(tmp_path)}, bad_files="error")
    assert looked == ["cut.jpg"] * 3


def test_files_are_hashed_once_for_duplicates(tmp_path, write_image, monkeypatch):
    for name in ("train/a.png", "val/b.png"):
        write_image(tmp_path / name)
    data = (tmp_path / "train/a.png").read_bytes()
    (tmp_path / "val/c.png").write_bytes(data[:-1] + b"!")
    hashed, digest = [], ImageFiles.digest
    monkeypatch.setattr(
        ImageFiles, "digest", lambda self, index: hashed.append(self.name(index)[-5]) or digest(self, index)
    )

    def run():
        hashed.clear()
        parts = [files_in(tmp_path / word) for word in ("train", "val")]
        check_duplicates(Splits(*parts, None, ()), str(tmp_path), "error")
        return set(hashed)

    assert run() >= {"a", "c"}
    assert run() == set(), "a set without duplicates is remembered whole"
    (tmp_path / "val/d.png").write_bytes(data[:-1] + b"?")
    assert run() == {"d"}, "in a changed set, files that did not change are"
    (tmp_path / "val/e.png").write_bytes(data)
    with pytest.raises(DataError, match=r"1 sample is in two splits.*a\.png = .*e\.png"):
        run()
