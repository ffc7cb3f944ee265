import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.forgetting.halves import halves, main, write
from tests.forgetting.material import write_material
from tlx.data.class_names import positions
from tlx.data.image_csv import ImageCSV

NUMBERS = st.lists(st.integers(0, 999), min_size=1, max_size=30, unique=True)


@given(NUMBERS, st.randoms(use_true_random=False))
def test_every_photo_is_in_one_half_by_the_number_of_its_class(numbers: list[int], draw: object) -> None:
    numbers = sorted({*numbers, 0, 1})
    paths = [f"{number:04d}_n{number}/{name}.jpg" for number in numbers for name in "ab"]
    shuffled = list(paths)
    draw.shuffle(shuffled)  # type: ignore[attr-defined]
    found = halves(shuffled)
    assert found == halves(paths)
    assert sorted(path for rows in found.values() for path, _ in rows) == paths
    assert {int(name[:4]) % 2 for _, name in found["protecting"]} == {0}
    assert {int(name[:4]) % 2 for _, name in found["measuring"]} == {1}


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        (["tench/a.jpg", "0001_goldfish/a.jpg"], "tench is no folder of a class"),
        (["0000_tench/a.jpg", "0002_shark/a.jpg"], "no photo is measuring"),
        ([], "no photo is protecting"),
    ],
)
def test_what_has_no_number_or_no_two_halves_is_refused(paths: list[str], why: str) -> None:
    with pytest.raises(SystemExit, match=why):
        halves(paths)


def test_the_tables_are_what_a_source_reads(tmp_path: Path) -> None:
    known = write_material(tmp_path) / "known"
    assert write(known, tmp_path / "halves") == {"protecting": 6, "measuring": 6}
    source = ImageCSV(
        root=str(known),
        train=str(tmp_path / "halves/protecting.csv"),
        val=str(tmp_path / "halves/measuring.csv"),
    ).splits(classes_from="all")
    assert source.test is None
    where = positions(source.classes, [f"class {number}" for number in range(1000)])
    assert sorted(set(where[source.train.labels].tolist())) == [0, 2, 4]
    assert sorted(set(where[source.val.labels].tolist())) == [1, 3, 5]


def test_a_command_writes_both_and_says_how_many_photos_they_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = write_material(tmp_path) / "known"
    main(["--imagenet", str(known), "--out", str(tmp_path / "halves")])
    assert sorted(path.name for path in (tmp_path / "halves").iterdir()) == [
        "measuring.csv",
        "protecting.csv",
    ]
    assert "protecting.csv: 6 photos" in capsys.readouterr().out


def test_a_table_is_written_the_same_twice_and_a_missing_folder_refused(tmp_path: Path) -> None:
    known = write_material(tmp_path) / "known"
    write(known, tmp_path / "halves")
    before = (tmp_path / "halves/protecting.csv").read_bytes()
    write(known, tmp_path / "halves")
    assert (tmp_path / "halves/protecting.csv").read_bytes() == before
    with (tmp_path / "halves/protecting.csv").open() as file:
        assert next(csv.reader(file)) == ["image", "label"]
    with pytest.raises(SystemExit, match="is no folder"):
        write(tmp_path / "nowhere", tmp_path / "halves")
