from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import tlx.protocols.comparison.corruptions as module
from tlx.data.corrupted import CorruptedSplit
from tlx.data.datamodule import TransferData
from tlx.data.digits import Digits
from tlx.data.pixels import Pixels
from tlx.data.text_csv import TextCSV
from tlx.errors import ConfigError, DataError
from tlx.functional.corruptions import CORRUPTIONS
from tlx.protocols.comparison.arms import Finished
from tlx.protocols.comparison.corruptions import (
    check_corruptible,
    corruption_names,
    kept_worths,
    on_corrupted,
)
from tlx.protocols.comparison.measured import Measured, compared
from tlx.types import Source


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ([], ()),
        ("all", CORRUPTIONS),
        ("contrast", ("contrast",)),
        (["contrast", "motion_blur"], ("contrast", "motion_blur")),
    ],
)
def test_corruptions_are_asked_for_by_name_or_all_at_once(given: Any, names: tuple[str, ...]) -> None:
    assert corruption_names(given, 3) == names


@pytest.mark.parametrize(
    ("given", "severity", "said"),
    [
        (["contrats"], 3, "no corruption 'contrats'.* Try: contrast"),
        ([1], 3, "no corruption '1'"),
        (["contrast", "contrast"], 3, "gain.corruptions=.* different names"),
        (3, 3, "gain.corruptions=3 .* names, or all"),
        (None, 3, "gain.corruptions=None"),
        ([], 0, "gain.severity=0"),
        ("all", 6, "gain.severity=6"),
    ],
)
def test_what_does_not_exist_is_refused(given: Any, severity: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        corruption_names(given, severity)


def test_texts_and_arrays_of_other_kinds_are_refused_before_anything_trains(tmp_path: Path) -> None:
    texts, split = TextCSV(root=str(tmp_path)), Digits().splits().val
    with pytest.raises(ConfigError, match=r"gain.corruptions are of images, and the data is text"):
        check_corruptible(texts, split, ("contrast",), 3)
    check_corruptible(texts, split, (), 3)
    check_corruptible(Digits(), split, ("contrast",), 3)
    wide = Pixels("set", np.zeros((1, 4, 4, 2), np.uint8), np.zeros(1), np.zeros(1, np.int64))
    wide.read = lambda index: wide._pixels[index]  # type: ignore[assignment, method-assign]  # arrays, not pictures
    with pytest.raises(DataError, match="set row 0 has pixels of uint8 and shape"):
        check_corruptible(Digits(), wide, ("contrast",), 3)


def worths(name: str) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(len(name))
    with_transfer, without = torch.rand(2, 3, 359, generator=generator, dtype=torch.float64)
    return with_transfer, without


def compare(name: str, transfer: Tensor, scratch: Tensor) -> Measured:
    return compared(name, transfer, scratch, "accuracy", 0.01)


def on_digits(names: tuple[str, ...], source: Source, split: str = "test") -> Any:
    seen = {}

    def asked(name: str, data: TransferData) -> tuple[Tensor, Tensor]:
        seen[name] = data
        return worths(name)

    found = on_corrupted(names, 2, split, lambda: TransferData(source), asked, compare)
    return found, seen


def test_each_corruption_is_measured_and_their_mean_is_that_of_every_sample() -> None:
    names = ("gaussian_noise", "contrast")
    found, _ = on_digits(names, Digits())
    assert (found.severity, found.unchanged) == (2, ())
    assert found.each == tuple(compare(name, *worths(name)) for name in names)
    tables = [torch.stack([worths(name)[arm] for name in names]).mean(0) for arm in (0, 1)]
    assert found.mean == compare("mean", *tables)
    assert found.mean.gain == pytest.approx(sum(each.gain for each in found.each) / 2)


@pytest.mark.parametrize(("fraction", "split"), [(0.2, "test"), (0.0, "val")])
def test_the_reported_split_is_the_one_that_is_corrupted(fraction: float, split: str) -> None:
    _, seen = on_digits(("contrast",), Digits(test_fraction=fraction), split)
    splits = seen["contrast"].splits
    assert isinstance(getattr(splits, split), CorruptedSplit)
    assert sum(isinstance(each, CorruptedSplit) for each in splits) == 1


def test_what_hardly_changes_the_images_is_said_and_not_in_the_mean() -> None:
    still = ("saturate", "gaussian_blur", "motion_blur")
    found, _ = on_digits(("contrast", *still), Digits())
    assert found.unchanged == still and len(found.each) == 4
    assert found.mean == replace(found.each[0], name="mean")
    alone, _ = on_digits(still[:2], Digits())
    assert alone.unchanged == still[:2]
    assert alone.mean.gain == pytest.approx((alone.each[0].gain + alone.each[1].gain) / 2)


def test_without_a_corruption_nothing_is_measured() -> None:
    assert on_digits((), Digits()) == (None, {})


def test_what_was_asked_is_not_asked_again_of_the_same_networks_and_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = {"a": "1", "b": "2", "c": "3"}
    monkeypatch.setattr(module, "read_meta", lambda path: {"weights_sha256": weights[path.parent.name]})
    table, asked = torch.rand(2, 5, dtype=torch.float64), list[int]()

    def ask() -> Tensor:
        asked.append(1)
        return table

    def of(*runs: str, source: Source) -> Tensor:
        split = source.splits().val
        return kept_worths(tmp_path, "name", [Finished(Path(run), 0, {}) for run in runs], split, ask)

    for _ in range(2):
        assert torch.equal(of("a", "b", source=Digits()), table)
    assert len(asked) == 1
    of("a", "c", source=Digits())
    of("a", "b", source=Digits(split_seed=1))
    assert len(asked) == 3
    for file in tmp_path.glob("*.npy"):
        file.write_bytes(file.read_bytes()[:-1])
    assert torch.equal(of("a", "b", source=Digits()), table)
    assert len(asked) == 4, "what is damaged is asked again"
