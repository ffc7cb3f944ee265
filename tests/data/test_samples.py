import numpy as np
import pytest
import torch
from PIL import Image

from tlx.data.pixels import Pixels
from tlx.data.relabelled import Relabelled
from tlx.data.samples import Samples, sample_generator
from tlx.preprocessing.image import ImagePreprocessing
from tlx.types import PADDING


class Numbers:
    """Sample i is the number i; some indices misbehave."""

    def __init__(self, behaviour=None):
        self.labels = np.arange(8, dtype=np.int64) * 2
        self.behaviour = behaviour or {}

    def __len__(self):
        return 8

    def read(self, index):
        if index in self.behaviour:
            self.behaviour[index]()
        return index

    def name(self, index):
        return f"number {index}"


class Numeric:
    def prepare(self, sample):
        return torch.tensor(float(sample))

    def augment(self, sample, generator, flip):
        return self.prepare(sample) + torch.rand((), generator=generator)

    def collate(self, prepared):
        return torch.stack(list(prepared))


def samples(split=None, augment=False, seed=0, preprocessing=None):
    return Samples(split or Numbers(), preprocessing or Numeric(), augment=augment, flip=False, seed=seed)


def test_a_batch_holds_inputs_targets_and_ids():
    batch = samples().__getitems__([(0, 3), (0, 1), (0, PADDING)])
    assert batch.inputs.tolist() == [3.0, 1.0, 0.0]
    assert batch.targets.tolist() == [6, 2, 0]
    assert batch.ids.tolist() == [3, 1, PADDING]
    assert batch.targets.dtype == batch.ids.dtype == torch.int64


@pytest.mark.parametrize(
    ("labels", "dtype", "expected"),
    [
        (np.arange(16).reshape(8, 2) % 2, np.uint8, [[0, 1], [0, 1], [0, 1]]),
        (np.arange(8)[:, None] / 4, np.float32, [[0.75], [0.25], [0]]),
    ],
)
def test_several_classes_and_numbers_come_as_floats(labels, dtype, expected):
    split = Numbers()
    split.labels = labels.astype(dtype)
    batch = samples(split).__getitems__([(0, 3), (0, 1), (0, PADDING)])
    assert batch.targets.dtype == torch.float32
    assert batch.targets.tolist() == expected
    assert batch.ids.tolist() == [3, 1, PADDING]


def test_variation_depends_on_seed_epoch_and_index_alone():
    varied = samples(augment=True)
    together = varied.__getitems__([(1, 3), (1, 4)]).inputs
    torch.rand(5)
    assert torch.equal(varied.__getitems__([(1, 4)]).inputs, together[1:])
    others = [samples(augment=True, seed=1)[(1, 4)], varied[(2, 4)]]
    assert all(not torch.equal(other.inputs, together[1:]) for other in others)


def test_the_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    samples(augment=True).__getitems__([(0, 1)])
    sample_generator(0, 0, 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_running_out_of_memory_is_not_blamed_on_the_file():
    def exhaust():
        raise MemoryError

    with pytest.raises(MemoryError):
        samples(Numbers({1: exhaust})).__getitems__([(0, 1)])


def drawn(side=6, kind=Pixels):
    array = np.random.default_rng(0).integers(0, 256, (5, side, side), dtype=np.uint8)
    return kind("set", array, np.arange(5), np.arange(5))


@pytest.fixture
def read_alone(monkeypatch):
    """The images that are read one by one."""
    seen, read = [], Pixels.read
    monkeypatch.setattr(Pixels, "read", lambda split, index: (seen.append(index), read(split, index))[1])
    return seen


GREY = ImagePreprocessing(crop=6, resize=6, mean=(0.1307,), std=(0.3081,), channels=1)


def test_images_that_lie_in_an_array_are_prepared_together_to_the_same_bits(read_alone):
    pairs = [(0, 4), (0, 1), (0, PADDING), (0, 4)]
    split = drawn()
    batch = samples(split, preprocessing=GREY).__getitems__(pairs)
    assert read_alone == []
    each = torch.stack([GREY.prepare(split.read(index)) for index in (4, 1, 0, 4)])
    assert torch.equal(batch.inputs, each)
    assert (batch.ids.tolist(), batch.targets.tolist()) == ([4, 1, PADDING, 4], [4, 1, 0, 4])


@pytest.mark.parametrize(("side", "augment"), [(7, False), (6, True)])
def test_images_that_are_resized_or_varied_are_read_one_by_one(side, augment, read_alone):
    batch = samples(drawn(side), augment=augment, preprocessing=GREY).__getitems__([(0, 4), (0, 1)])
    assert batch.inputs.shape == (2, 1, 6, 6)
    assert read_alone == [4, 1]


class Inverted(Pixels):
    def read(self, index):
        return Image.fromarray(255 - self._pixels[index])


class Negative(ImagePreprocessing):
    def prepare(self, sample):
        return -super().prepare(sample)


class Marked(ImagePreprocessing):
    def collate(self, prepared):
        return super().collate(prepared) + 1


@pytest.mark.parametrize("wrapped", [False, True])
def test_what_a_subclass_reads_prepares_or_collates_in_its_own_way_counts(wrapped):
    plain = drawn().read(3)
    cases = [
        (Inverted, GREY, GREY.prepare(Image.fromarray(255 - np.asarray(plain)))),
        (Pixels, Negative(**vars(GREY)), -GREY.prepare(plain)),
        (Pixels, Marked(**vars(GREY)), GREY.prepare(plain) + 1),
    ]
    for kind, preprocessing, expected in cases:
        split = drawn(kind=kind)
        split = Relabelled(split, split.labels) if wrapped else split
        batch = samples(split, preprocessing=preprocessing).__getitems__([(0, 3)])
        assert torch.equal(batch.inputs[0], expected)


def test_a_fault_in_an_array_is_named_by_its_sample(monkeypatch):
    def fail(*_):
        raise ValueError("boom")

    split = drawn()
    monkeypatch.setattr(Pixels, "read_together", fail)
    monkeypatch.setattr(Pixels, "read", fail)
    error = samples(split, preprocessing=GREY).__getitems__([(0, 2), (0, 1)])
    assert "set row 2: ValueError: boom" in str(error)
