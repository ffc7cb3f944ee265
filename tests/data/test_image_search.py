import os

import pytest

from tlx.data.checks import Faults
from tlx.data.image_search import EXTENSIONS, find_images


def found(root, faults=None, folders=(("", 0),)):
    files = find_images(str(root), folders, EXTENSIONS, Faults() if faults is None else faults)
    return [os.path.relpath(files.name(index), root) for index in range(len(files))]


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
    faults = Faults()
    assert found(tmp_path, faults) == ["good.png"]
    assert dict(faults) == {
        "dead.png": "a link to nothing",
        "folder.jpg": "a folder",
        "pipe.png": "not a regular file",
    }
    faults = Faults()
    assert found(tmp_path, faults, [("pipe.png", 0)]) == []
    assert list(faults) == [("pipe.png", "not a regular file")]
