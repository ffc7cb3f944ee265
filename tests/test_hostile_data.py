"""Hostile names and files in the data, by the whole command."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.command import SMOKE, Server
from tests.report.page_reader import Page
from tlx.data.text_csv import TextCSV
from tlx.errors import DataError

CLASSES = [
    b"<script>alert(1)</script>".replace(b"/", b"\\"),
    b'"><img src=x onerror=alert(2)>',
    b"line\nbreak\x1b[31m",
    "\u202egnp.exe".encode(),
    b"caf\xe9",  # no UTF-8
    b"x" * 250,
    "🦜".encode(),
]


def photos(root: Path, classes: list[bytes], each: int = 6) -> Path:
    for place, name in enumerate(classes):
        folder = os.path.join(os.fsencode(root), name)
        os.makedirs(folder)
        for number in range(each):
            image = Image.new("L", (8, 8), (30 * place + number) % 256)
            image.putpixel((number, place), 255)
            image.save(os.path.join(os.fsdecode(folder), f"{number}.png"))
    return root


def test_a_run_on_classes_of_hostile_names_ends_with_a_page_that_shows_them(
    command: Server, tmp_path: Path
) -> None:
    photos(tmp_path / "photos", CLASSES)
    result = command.run(
        tmp_path, "fit", *SMOKE, "page=true", "data=folder", "data.root=photos", "run_dir=run"
    )
    assert result.code == 0, result.err
    run = tmp_path / "run"
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "form"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "<script>alert(1)<" in page.text
    assert "\u202e" not in page.text and "\x1b" not in page.text
    card = (run / "bundle" / "README.md").read_text(encoding="utf-8")
    assert "<script>" not in card.replace("\\<", "") and "\x1b" not in card and "\u202e" not in card
    scored = command.run(tmp_path, "test", "run")
    assert scored.code == 0, scored.err
    assert "\x1b" not in scored.out and "\u202e" not in scored.out
    assert command.run(tmp_path, "predict", "run", "split=test").code == 0
    rows = (run / "predictions.csv").read_bytes()
    assert b"caf\xe9" in rows


def test_an_error_about_a_hostile_name_is_one_line_without_a_control_character(
    command: Server, tmp_path: Path
) -> None:
    photos(tmp_path / "photos", [b"a\x1b]0;pwned\x07", b"b"])
    for path in (tmp_path / "photos").glob("a*/*"):
        path.write_bytes(b"no image")
    result = command.run(tmp_path, "fit", *SMOKE, "data=folder", "data.root=photos")
    assert result.code == 3
    assert len(result.err.splitlines()) == 1
    assert result.err.rstrip("\n").isprintable()


def bomb(path: Path) -> None:
    """A PNG of 200 million pixels in 200 kB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, packed = zlib.compressobj(9), []
    for _ in range(10_000):
        packed.append(packer.compress(bytes(1 + 20_000)))
    data = b"".join([*packed, packer.flush()])
    head = struct.pack(">IIBBBBB", 20_000, 10_000, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


@pytest.mark.parametrize("check", ["auto", "header", "none"])
def test_a_bomb_is_refused_by_name(command: Server, tmp_path: Path, check: str) -> None:
    photos(tmp_path / "photos", [b"a", b"b"])
    bomb(tmp_path / "photos" / "a" / "bomb.png")
    argv = ("fit", *SMOKE, "data=folder", "data.root=photos", f"data.check={check}", "data.val_fraction=0.2")
    result = command.run(tmp_path, *argv)
    assert result.code == 3, result.err
    assert "bomb.png" in result.err
    assert len(result.err.splitlines()) == 1


READ = """
import resource, sys
from tlx.data.folder import Folder
from tlx.data.images import read_image
from tlx.errors import DataError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for read in (lambda: Folder(sys.argv[1], check="decode").splits(), lambda: read_image(sys.argv[2])):
    try:
        read()
    except Exception as error:
        assert "bomb.png" in str(error) or "200000000 pixels" in str(error)
    else:
        sys.exit("it was read")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_bomb_is_never_unpacked(tmp_path: Path) -> None:
    photos(tmp_path / "photos", [b"a", b"b"])
    bomb(tmp_path / "photos" / "a" / "bomb.png")
    argv = [sys.executable, "-c", READ, str(tmp_path / "photos"), str(tmp_path / "photos" / "a" / "bomb.png")]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * (1 if sys.platform == "darwin" else 1024) < 50 << 20  # decoded: 200 MB


TEXTS = {
    "invalid UTF-8": (b"text,label\nfine,a\nna\xefve,b\n", "row 3 has bytes that are not UTF-8"),
    "NUL": (b"text,label\nfine,a\nnot\0fine,b\n", "row 3 has a NUL character"),
    "nothing": (b"", "has no column 'text'"),
    "an empty text": (b"text,label\nfine,a\n,b\n", "row 3 has an empty text"),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_text_that_is_none_is_refused_with_its_row(tmp_path: Path, kind: str) -> None:
    content, said = TEXTS[kind]
    (tmp_path / "train.csv").write_bytes(content)
    with pytest.raises(DataError, match=said) as refusal:
        TextCSV(root=str(tmp_path)).splits()
    assert refusal.value.exit_code == 3


def test_a_line_of_a_million_characters_is_a_text_like_another(tmp_path: Path) -> None:
    rows = [f"{'word ' * 200_000 if n == 3 else f'text {n}'},{'ab'[n % 2]}" for n in range(40)]
    (tmp_path / "train.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    splits = TextCSV(root=str(tmp_path)).splits()
    lengths = [len(part.read(i)) for part in splits[:3] if part is not None for i in range(len(part))]
    assert max(lengths) == 1_000_000
