import numpy as np
import pytest
import torch

from tlx.data.datamodule import TransferData
from tlx.data.digits import Digits
from tlx.errors import ConfigError, DataError
from tlx.plan import Phase
from tlx.types import PADDING, Splits


@pytest.fixture
def digits(preprocessing):
    def make(**arguments):
        data = TransferData(Digits(), **{"batch_size": 64, **arguments})
        data.preprocessing = preprocessing
        return data

    return make


def values(loader):
    return [(batch.inputs, batch.targets, batch.ids) for batch in loader]


def assert_equal(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_workers_do_not_change_a_batch(digits):
    alone, helped = digits(), digits(num_workers=2)
    alone.augmenting = helped.augmenting = True
    assert_equal(values(alone.train_dataloader()), values(helped.train_dataloader()))


def test_a_loader_made_later_goes_on_where_the_run_stands(digits):
    data = digits()
    data.augmenting = True
    epoch = values(data.train_dataloader())
    assert len(epoch) == data.batches_per_epoch == 17
    data.position = lambda: 5
    assert_equal(values(data.train_dataloader()), epoch[5:])
    data.position = lambda: 17
    assert values(data.train_dataloader())[0][2].tolist() != epoch[0][2].tolist()


def test_making_an_iterator_draws_nothing_from_the_global_state(digits):
    before = torch.get_rng_state()
    next(iter(digits().train_dataloader()))
    assert torch.equal(torch.get_rng_state(), before)


def test_ranks_share_the_batch_of_one_process(digits):
    whole = values(digits().train_dataloader())
    shares = []
    for rank in (0, 1):
        data = digits()
        data.rank, data.world_size = rank, 2
        shares.append(values(data.train_dataloader()))
    for (inputs, _, ids), (first, _, left), (second, _, right) in zip(whole, *shares, strict=True):
        assert torch.cat([left, right])[: len(ids)].tolist() == ids.tolist()
        assert torch.equal(torch.cat([first, second])[: len(ids)], inputs)


def test_evaluation_counts_every_sample_once_over_two_ranks(digits):
    seen = []
    for rank in (0, 1):
        data = digits(eval_batch_size=50)
        data.rank, data.world_size = rank, 2
        seen += [int(i) for batch in data.val_dataloader() for i in batch.ids]
    assert seen.count(PADDING) == 8 * 50 - 359
    assert sorted(i for i in seen if i != PADDING) == list(range(359))


def test_evaluation_is_never_varied(digits, preprocessing):
    data = digits()
    data.augmenting = True
    batch = next(iter(data.val_dataloader()))
    assert torch.equal(batch.inputs[0], preprocessing.prepare(data.splits.val.read(0)))


def test_few_shots_are_drawn_on_train_alone(digits):
    few, all_ = digits(per_class=5), digits()
    assert np.bincount(few.splits.train.labels).tolist() == [5] * 10
    assert few.splits.val.fingerprint() == all_.splits.val.fingerprint()
    more = digits(per_class=10)
    names = [{d.splits.train.name(i) for i in range(len(d.splits.train))} for d in (few, more)]
    assert names[0] < names[1]


def test_all_labels_are_known_after_a_draw(digits):
    np.testing.assert_array_equal(digits(per_class=5).labelled, digits().splits.train.labels)


def test_the_fingerprint_follows_the_samples(digits):
    prints = [digits(**a).fingerprint() for a in ({}, {}, {"per_class": 5}, {"per_class": 5, "seed": 1})]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


class Labelled(Digits):
    """The digits with other labels: even and large, or the digit and its square."""

    def splits(self, targets="class"):
        found = super().splits()
        parts = []
        for part in found[:3]:
            digit = part.labels
            if targets == "classes":
                part.labels = np.stack([digit % 2 == 0, digit > 6], axis=1).astype(np.uint8)
            elif targets == "numbers":
                part.labels = np.stack([digit, digit**2], axis=1).astype(np.float32)
            parts.append(part)
        return Splits(*parts, ("even", "large") if targets == "classes" else ("digit", "square"))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("targets", ["classes", "numbers"])
def test_the_task_decides_what_the_source_is_asked_for_and_what_a_batch_holds(digits, targets, workers):
    data = digits(batch_size=100, num_workers=workers, eval_batch_size=100)
    data.source, data.targets = Labelled(), targets
    data.rank, data.world_size = 1, 2
    for loader, split in (
        (data.train_dataloader(), data.splits.train),
        (data.val_dataloader(), data.splits.val),
    ):
        for batch in loader:
            assert batch.targets.dtype == torch.float32
            known = np.maximum(batch.ids.numpy(), 0)
            np.testing.assert_array_equal(batch.targets, split.labels[known])


def test_few_shots_of_several_classes_and_none_of_numbers(digits):
    data = digits(per_class=5)
    data.source, data.targets = Labelled(), "classes"
    assert data.splits.train.labels.sum(axis=0).min() == 5
    data = digits(per_class=5)
    data.source, data.targets = Labelled(), "numbers"
    with pytest.raises(ConfigError, match=r"per_class=5 draws from classes"):
        _ = data.splits


def test_a_source_of_classes_alone_refuses_another_task(digits):
    data = digits()
    data.targets = "numbers"
    with pytest.raises(DataError, match=r"numbers for each sample, and the table of digits has one class"):
        _ = data.splits
    assert digits().skipped == []


HEAD, STAGE = Phase("head", {"head": 1e-3}, epochs=1), Phase("all", {"head": 1e-3, "layer1": 1e-4}, epochs=1)


@pytest.mark.parametrize(
    ("augment", "kind", "expected"),
    [
        ("auto", "image", [False, True]),
        ("auto", "text", [False, False]),
        ("none", "image", [False, False]),
        ("always", "image", [True, True]),
    ],
)
def test_samples_vary_by_default_while_a_stage_trains(digits, augment, kind, expected):
    data = digits(augment=augment)
    data.source.kind = kind
    assert [data.phase_augments(phase) for phase in (HEAD, STAGE)] == expected


def test_samples_of_which_no_part_counts_do_not_vary_by_default(digits):
    data = digits()
    data.source.crop = False
    assert [data.phase_augments(phase) for phase in (HEAD, STAGE)] == [False, False]
    with pytest.raises(ConfigError, match="augment='always' is not usable.*auto or none"):
        TransferData(data.source, augment="always")


class Given:
    kind, flip = "image", False

    def __init__(self, labels, classes):
        self.labels, self.classes = labels, classes

    def splits(self, targets="class"):
        train = Digits().splits().train.subset(np.arange(len(self.labels)))
        train.labels = np.array(self.labels)
        return Splits(train, train, None, self.classes)


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 1, -1]])
def test_labels_outside_the_classes_are_found_before_training(labels):
    with pytest.raises(DataError, match=rf"outside 0\.\.1.* {labels[2]} at digits row"):
        _ = TransferData(Given(labels, ("a", "b"))).splits


def test_a_missing_test_split_and_a_foreign_model_are_said(digits, preprocessing):
    data = digits()
    data.source = Digits(test_fraction=0.0)
    with pytest.raises(ConfigError, match=r"no test split.*data\.test_fraction"):
        data.test_dataloader()
    data.source.kind = "text"
    with pytest.raises(ConfigError, match="the model reads image and the data is text"):
        data.val_dataloader()
    data.preprocessing = None
    with pytest.raises(ConfigError, match="no preprocessing"):
        data.val_dataloader()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"eval_batch_size": 0}, "eval_batch_size=0"),
        ({"num_workers": -1}, "num_workers=-1"),
        ({"per_class": 0}, "per_class=0"),
        ({"seed": -1}, "seed=-1"),
        ({"augment": "autom"}, "'autom'.*Try: auto"),
    ],
)
def test_rejects_values_out_of_range(arguments, named):
    with pytest.raises(ConfigError, match=named):
        TransferData(Digits(), **arguments)


def test_a_source_of_one_class_need_not_know_of_targets() -> None:
    class Plain:
        kind, flip = "image", False

        def splits(self) -> Splits:
            return Digits().splits()

        def describe(self) -> dict[str, object]:
            return {}

    data = TransferData(Plain())
    assert len(data.classes) == 10
    asked = TransferData(Plain())
    asked.targets = "numbers"
    with pytest.raises(DataError, match="Plain has one class per sample; the task needs numbers"):
        _ = asked.splits


def test_texts_that_should_always_vary_are_refused():
    source = Digits()
    source.kind = "text"
    with pytest.raises(ConfigError, match=r"augment='always' .*texts do not vary.*data\.augment=auto"):
        TransferData(source, augment="always")


class Refusing(Digits):
    def splits(self, targets: object = "class") -> Splits:
        raise DataError("no rows in data.csv", "data.test_fraction=0", "data.val_fraction for less")


@pytest.mark.parametrize("node", ["data", "source"])
def test_what_a_source_says_of_its_settings_names_the_node_it_was_built_from(node: str) -> None:
    data = TransferData(Refusing())
    data.node = node
    with pytest.raises(DataError) as caught:
        _ = data.splits
    assert (caught.value.what, caught.value.where) == ("no rows in data.csv", f"{node}.test_fraction=0")
    assert caught.value.fix == f"{node}.val_fraction for less"
