from pathlib import Path

import numpy as np
import pytest
import torch

from tests.faults.jobs import small_job
from tlx.composition.compose import compose
from tlx.errors import ConfigError, DataError
from tlx.protocols.frozen import Sampled, drawn, neighbour_accuracy, sampled, shares_of, stage_features
from tlx.verbs.protocol import answer


def names(part: object) -> set[str]:
    split = part.split  # type: ignore[attr-defined]
    return {split.name(index) for index in range(len(split))}


def test_with_a_test_split_validation_chooses_and_test_is_reported() -> None:
    shares = shares_of(small_job().data, most=1000, seed=0)
    assert (shares.chosen_on, shares.reported_on) == ("val", "test")
    assert not names(shares.fits) & names(shares.chooses)
    assert not names(shares.reported) & (names(shares.fits) | names(shares.chooses))


def test_without_one_a_share_of_train_chooses_and_validation_is_reported() -> None:
    data = small_job().data
    data.splits = data.splits._replace(test=None)
    shares = shares_of(data, most=1000, seed=0)
    assert shares.reported_on == "val" and shares.chosen_on == "a fifth of train, held out"
    assert len(shares.fits.split) + len(shares.chooses.split) == len(data.splits.train)
    assert not names(shares.fits) & names(shares.chooses)


@pytest.mark.parametrize(
    ("per_class", "way_out"),
    [(1, "data.per_class=2 or more"), (None, "more training samples of it, or data=by_classes without it")],
)
def test_a_class_of_one_sample_cannot_fit_and_choose_and_is_named_with_a_way_out(
    per_class: int | None, way_out: str
) -> None:
    data = small_job().data
    train = data.splits.train
    alone = [*np.flatnonzero(train.labels != 1), np.flatnonzero(train.labels == 1)[0]]
    data.splits = data.splits._replace(train=train.subset(np.array(alone)), test=None)
    data.per_class = per_class
    said = f"needs 2 training samples or more: train has 1 of right; others of it are in val. Try: {way_out}"
    with pytest.raises(DataError, match=said):
        shares_of(data, most=1000, seed=0)
    val = data.splits.val
    data.splits = data.splits._replace(val=val.subset(np.flatnonzero(val.labels != 1)))
    with pytest.raises(DataError, match=f"train has 1 of right. Try: {way_out}"):
        shares_of(data, most=1000, seed=0)


def test_a_class_without_samples_takes_no_part_in_the_shares() -> None:
    data = small_job().data
    train = data.splits.train
    data.splits = data.splits._replace(train=train.subset(np.flatnonzero(train.labels != 1)), test=None)
    assert set(shares_of(data, most=1000, seed=0).chooses.split.labels) == {0, 2}


def test_of_too_many_samples_some_are_drawn_alike_from_every_class() -> None:
    data = small_job().data
    found = drawn(data.splits.train, 20, 0)
    counts = np.bincount(found.labels)
    assert len(found) <= 20 and counts.max() - counts.min() <= 1
    assert np.array_equal(found.labels, drawn(data.splits.train, 20, 0).labels)
    assert drawn(data.splits.train, 10_000, 0) is data.splits.train


def test_features_come_with_their_labels() -> None:
    job = small_job(knows=8)
    features = stage_features(job, lambda line: None)
    part = shares_of(job.data, 1000, 0).fits
    found = sampled(features, part)
    assert found.labels.tolist() == part.split.labels.tolist()
    assert {len(rows) for rows in found.features.values()} == {len(part.split)}


def test_several_devices_are_refused_with_a_way_out() -> None:
    job = small_job(knows=8, devices=2)
    with pytest.raises(ConfigError, match=r"2 processes.*trainer.devices=1"):
        stage_features(job, lambda line: None)


@pytest.mark.parametrize("verb", ["probe", "distance"])
def test_variations_are_refused_where_pictures_are_read_as_they_are(verb: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cache.views=2 .*as they are.* Try: cache.views=null"):
        answer(tmp_path, verb, compose(verb, ["cache.views=2", "trainer=cpu"]))


def test_nearest_neighbours_vote_as_many_as_there_are() -> None:
    known = Sampled({"last": torch.tensor([[1.0, 0.0], [0.0, 1.0]])}, torch.tensor([0, 1]))
    asked = Sampled({"last": torch.tensor([[2.0, 0.1], [0.1, 2.0], [3.0, 0.1]])}, torch.tensor([0, 1, 1]))
    assert neighbour_accuracy(known, asked, "last", 1) == neighbour_accuracy(known, asked, "last") == 2 / 3
