import os

import pytest

from tlx.data.paths import from_paths
from tlx.errors import ConfigError, DataError


def names(split):
    return [split.name(index) for index in range(len(split))]


def test_images_come_from_files_and_folders_in_the_order_given(tmp_path, write_image, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("z/ant/2.png", "z/ant/1.png", "z/bee/deep/3.png", "single.dat.png"):
        write_image(tmp_path / path)
    os.rename("single.dat.png", "single.dat")
    split = from_paths(["single.dat", "z"], "image")
    assert names(split) == ["single.dat", "z/ant/1.png", "z/ant/2.png", "z/bee/deep/3.png"]
    assert split.labels.tolist() == [-1] * 4
    assert split.read(0).size == (12, 10)


def test_texts_come_from_tables_lines_and_folders(tmp_path):
    (tmp_path / "b.csv").write_text('label,text\na,"one, two"\nb,three\n')
    (tmp_path / "a.txt").write_text("four\n\nfive\n")
    (tmp_path / "ignored.json").write_text("{}")
    split = from_paths([tmp_path], "text")
    assert [split.read(index) for index in range(len(split))] == ["four", "five", "one, two", "three"]
    assert names(split)[1:3] == [f"{tmp_path}/a.txt row 3", f"{tmp_path}/b.csv row 2"]
    assert split.labels.tolist() == [-1] * 4


def test_the_text_column_may_have_another_name(tmp_path):
    (tmp_path / "b.csv").write_text("sentence\none\n")
    assert from_paths([tmp_path / "b.csv"], "text", text="sentence").read(0) == "one"
    with pytest.raises(DataError, match="no column 'text'"):
        from_paths([tmp_path / "b.csv"], "text")


def test_an_empty_text_is_named(tmp_path):
    (tmp_path / "b.csv").write_text("text,id\none,1\n,2\n")
    with pytest.raises(DataError, match=r"b\.csv row 3 has an empty text"):
        from_paths([tmp_path / "b.csv"], "text")


@pytest.mark.parametrize("kind", ["image", "text"])
def test_nothing_found_and_paths_that_do_not_exist_are_said(tmp_path, kind):
    with pytest.raises(DataError, match=rf"found no {kind}s"):
        from_paths([tmp_path], kind)
    with pytest.raises(DataError, match=r"there is no nowhere\.png, looked in /"):
        from_paths([tmp_path, "nowhere.png"], kind)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["image", "text"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path, kind):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match="not a regular file"):
        from_paths([tmp_path / "pipe.png"], kind)


def test_images_that_cannot_be_read_are_listed(tmp_path, write_image):
    write_image(tmp_path / "good.png")
    (tmp_path / "words.png").write_text("words")
    with pytest.raises(DataError, match=r"1 file cannot be used: .*words\.png \(not an image\)"):
        from_paths([tmp_path], "image")


def test_rejects_another_kind():
    with pytest.raises(ConfigError, match="no kind 'audio'"):
        from_paths(["x"], "audio")
