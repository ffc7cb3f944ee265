import json
from pathlib import Path

import numpy as np
import pytest

from tlx.composition.compose import compose
from tlx.errors import ConfigError, DataError
from tlx.protocols.comparison.also import also_data, refuse_seen, refuse_unknown
from tlx.protocols.given import Given
from tlx.verbs.makers import makers


def given(folder: Path, *words: str) -> Given:
    config = compose("gain", ["trainer=cpu", "cache=none", *words]).config
    return Given(config, folder, makers((), quiet=True), lambda line: None)


def test_where_nothing_is_named_there_are_no_further_samples(tmp_path: Path) -> None:
    assert also_data(given(tmp_path), "class") is None


def test_those_of_its_test_split_are_asked_about(tmp_path: Path) -> None:
    also = also_data(given(tmp_path, "data@also=digits"), "class")
    assert also is not None and also.data.splits.test is not None
    assert (also.name, also.split) == ("digits, test", "test")


def test_of_data_without_a_test_split_those_of_val_are(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 8, 16, 16), dtype=np.uint8)
    labels = np.array([0, 1] * 4)
    arrays = {
        "train_images": pixels[0],
        "train_labels": labels,
        "val_images": pixels[1],
        "val_labels": labels,
    }
    np.savez(tmp_path / "arrays.npz", **arrays)
    words = ["data@also=npz", f"also.file={tmp_path / 'arrays.npz'}"]
    also = also_data(given(tmp_path, *words), "class")
    assert also is not None and (also.split, also.data.node) == ("val", "also")


def test_samples_that_are_trained_or_chosen_on_are_refused_and_counted(tmp_path: Path) -> None:
    own = given(tmp_path, "data@also=digits", "also.split_seed=1", "data.split_seed=0")
    also = also_data(own, "class")
    assert also is not None
    with pytest.raises(DataError, match=r"\d+ of the 359 samples of data@also \(digits, test\) are among"):
        refuse_seen(also, own.makers.job(own.config).data.splits)
    same = also_data(given(tmp_path, "data@also=digits", "also.split_seed=0"), "class")
    assert same is not None
    refuse_seen(same, own.makers.job(own.config).data.splits)  # the target's own test samples are nobody's


def test_they_are_called_after_their_choice(tmp_path: Path) -> None:
    words = ["data@also=by_classes", "data@also.of=digits", "also.classes=['3','8']"]
    also = also_data(given(tmp_path, *words), "class")
    assert also is not None and also.name == "by_classes, test"


def test_texts_are_refused_for_a_network_that_reads_images(tmp_path: Path) -> None:
    rows = [{"text": f"{word} {number}", "label": word} for word in ("yes", "no") for number in range(10)]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    own = given(tmp_path, "data@also=text_jsonl", f"also.root={tmp_path}")
    also = also_data(own, "class")
    assert also is not None
    job = own.makers.job({key: value for key, value in own.config.items() if key != "also"})
    with pytest.raises(ConfigError, match=r"reads image and data@also \(.*\) is text"):
        refuse_unknown(also, job)


def test_classes_that_the_target_does_not_have_are_refused_and_fewer_are_not(tmp_path: Path) -> None:
    few = ["data=by_classes", "data@data.of=digits", "data.classes=['3','8']", "data@also=digits"]
    more = ["data@also=by_classes", "data@also.of=digits", "also.classes=['3','8']"]
    for words, refused in ((few, True), (more, False)):
        own = given(tmp_path, *words)
        also = also_data(own, "class")
        assert also is not None
        job = own.makers.job({key: value for key, value in own.config.items() if key != "also"})
        if refused:
            with pytest.raises(DataError, match="does not know 8 classes of this data"):
                refuse_unknown(also, job)
        else:
            refuse_unknown(also, job)
