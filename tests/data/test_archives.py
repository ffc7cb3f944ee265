import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tlx.data.archives import refuse_archive
from tlx.data.folder import Folder
from tlx.data.npz import NumpyFile
from tlx.data.paths import from_paths
from tlx.data.text_csv import TextCSV
from tlx.data.torchvision import TorchvisionSet
from tlx.errors import DataError


def tar(path: Path, name: str, mode: str, link: str | None = None, device: bool = False) -> None:
    with tarfile.open(path, mode) as held:  # type: ignore[call-overload]
        member = tarfile.TarInfo(name)
        member.size = 0 if link or device else 3
        member.type = tarfile.SYMTYPE if link else tarfile.CHRTYPE if device else tarfile.REGTYPE
        member.linkname = link or ""
        held.addfile(member, io.BytesIO(b"abc"))


def zipped(path: Path, name: str) -> None:
    with zipfile.ZipFile(path, "w") as held:
        held.writestr(name, "abc")


ARCHIVES = {
    "up.zip": lambda path: zipped(path, "../canary.jpg"),
    "absolute.zip": lambda path: zipped(path, "/tmp/canary.jpg"),
    "up.tar": lambda path: tar(path, "../canary.jpg", "w"),
    "absolute.tar.gz": lambda path: tar(path, "/tmp/canary.jpg", "w:gz"),
    "link.tar.xz": lambda path: tar(path, "canary.jpg", "w:xz", link="../../etc/passwd"),
    "device.tar.bz2": lambda path: tar(path, "canary.jpg", "w:bz2", device=True),
    "photos": lambda path: zipped(path, "a/b.jpg"),  # the name tells nothing
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_never_unpacked_whatever_is_in_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir()
    ARCHIVES[name](path)
    given = str(path)
    for read in (
        lambda: Folder(given).splits(),
        lambda: TextCSV(root=given).splits(),
        lambda: TextCSV(train=given).splits(),
        lambda: TorchvisionSet("MNIST", given).splits(),
        lambda: from_paths([given], "image"),
        lambda: from_paths([given], "text"),
    ):
        with pytest.raises(DataError, match=r"is an archive \(\w+\), and tlx unpacks none.*NEW_FOLDER"):
            read()
    assert [found.name for found in tmp_path.rglob("*")] == ["in", name]


def test_what_is_no_archive_is_let_through(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("PK and more")
    for path in (tmp_path, tmp_path / "a.txt", tmp_path / "nowhere"):
        refuse_archive(str(path))


def test_arrays_that_unpack_to_a_thousand_times_their_size_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as held, held.open("x_train.npy", "w") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (1 << 9, 1 << 10, 1 << 10)}
        )
        for _ in range(1 << 9):
            file.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataError, match="would unpack to 536"):
        NumpyFile(str(path)).splits()
