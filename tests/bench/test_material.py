from pathlib import Path

import pytest

from scripts.bench.material import divided


def test_a_fifth_of_the_photos_validates_and_none_is_in_both() -> None:
    photos = [Path(f"{number:04}.jpg") for number in reversed(range(1200))]
    found = divided(photos, 1000)
    assert (len(found["train"]), len(found["val"])) == (800, 200)
    assert not set(found["train"]) & set(found["val"])
    assert max(found["train"] + found["val"]) == Path("0999.jpg")


@pytest.mark.parametrize(("there", "wanted"), [(60, 61), (60, 49)])
def test_too_few_photos_are_refused(there: int, wanted: int) -> None:
    with pytest.raises(SystemExit, match=str(there)):
        divided([Path(f"{number}.jpg") for number in range(there)], wanted)
