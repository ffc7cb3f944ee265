import copy
import gc
import importlib
import importlib.metadata
import inspect
import linecache
import shutil
import sys
import types
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from tests.cache.caches import cache_of
from tests.faults.jobs import MadeUp, MadeUpSplit, small_backbone
from tlx.cache.address import (
    address,
    arithmetic,
    code_digest,
    prefix_digest,
    preprocessing_digest,
    reading_digest,
    split_key,
    values_address,
)
from tlx.cache.part import Part
from tlx.data.folder import Folder


def test_the_digest_of_a_prefix_sees_every_value_below_the_frontier_and_none_above():
    one = small_backbone()
    for frontier in (1, 2, 3):
        for name in dict([*one.net.named_parameters(), *one.net.named_buffers()]):
            other = copy.deepcopy(one)
            with torch.no_grad():
                dict([*other.net.named_parameters(), *other.net.named_buffers()])[name].add_(1)
            below = any(name in one.stage_tensors(stage) for stage in list(one.stages)[:frontier])
            assert (prefix_digest(one, frontier) != prefix_digest(other, frontier)) == below, name


def test_the_memory_format_of_the_weights_is_no_other_weights():
    one, other = small_backbone(), small_backbone()
    other.load_state_dict(one.state_dict())
    other.to(memory_format=torch.channels_last)
    assert prefix_digest(one, 3) == prefix_digest(other, 3)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A class of one's own, written anew with each body of its method."""

    def made(head, body):
        (tmp_path / "written.py").write_text(f"from torch import nn\n{head}\n        return {body}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        sys.modules.pop("written", None)
        linecache.clearcache()
        importlib.invalidate_caches()
        return importlib.import_module("written").Own()

    return made


def test_code_of_ones_own_is_known_by_its_text_and_that_of_libraries_by_its_version(written):
    head = "class Own(nn.Module):\n    def forward(self, x):"
    assert code_digest(written(head, "x * 2")) != code_digest(written(head, "x *  3 "))
    assert code_digest(nn.Sequential(nn.Linear(2, 2))) == code_digest(nn.Sequential(nn.ReLU()))


def test_the_text_of_a_class_is_looked_up_once_and_not_beyond_its_life(written, monkeypatch):
    head = "class Own(nn.Module):\n    def forward(self, x):"
    own, looked = written(head, "x"), []
    look = inspect.getsource
    monkeypatch.setattr(inspect, "getsource", lambda kind: looked.append(kind.__name__) or look(kind))
    assert code_digest(own) == code_digest(nn.Sequential(own, type(own)()))
    assert looked == ["Own"]
    kind = weakref.ref(type(own))
    sys.modules.pop("written")
    del own
    gc.collect()
    assert kind() is None


def test_what_reads_and_prepares_samples_is_known_by_its_text(written):
    head = "class Base:\n    pass\nclass Own(Base):\n    def prepare(self, sample):"
    split, given = MadeUpSplit([1], 0), small_backbone().preprocessing
    one, other = (written(head, body) for body in ("sample", "sample + 1"))
    found = reading_digest(split, other)
    assert found == reading_digest(MadeUpSplit([2], 5), other)
    assert len({found, reading_digest(other, given), reading_digest(split, given)}) == 3
    first = reading_digest(split, written(head, "sample"))
    assert first != reading_digest(split, written(head, "sample + 2"))
    assert type(one) is not type(other)


def test_what_decodes_and_prepares_in_tlx_is_part_of_it(monkeypatch):
    split, given = MadeUpSplit([1], 0), small_backbone().preprocessing
    before = reading_digest(split, given)
    monkeypatch.setattr("tlx.cache.address.rooms_digest", lambda *rooms: "another")
    assert reading_digest(split, given) != before


class Reads:
    def __init__(self, saved):
        self.saved = saved

    def describe(self):
        return {"folder": "bundle:tokenizer"}

    def save(self, folder):
        (folder / "words").write_text(self.saved)


def test_a_tokenizer_is_known_by_what_it_saves():
    assert preprocessing_digest(Reads("a")) == preprocessing_digest(Reads("a"))
    assert preprocessing_digest(Reads("a")) != preprocessing_digest(Reads("b"))


def test_samples_are_known_by_their_state_where_they_have_one():
    split = MadeUpSplit([1, 2], 0)
    assert split_key(split) == split.fingerprint() != split_key(MadeUpSplit([1, 3], 0))
    assert split_key(types.SimpleNamespace(state=lambda: "changed", fingerprint=lambda: "same")) == "changed"


def test_photos_that_were_copied_are_other_samples_and_those_in_a_renamed_folder_are_not(tmp_path):
    for number in range(20):
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (10 * number, 0, 0)).save(path)

    def found(root):
        train = Folder(str(root)).splits().train
        return split_key(train), train.fingerprint()

    key, contents = found(tmp_path / "photos")
    shutil.copytree(tmp_path / "photos", tmp_path / "copy")  # sizes and times of modification stay
    other, same = found(tmp_path / "copy")
    assert other != key and same == contents
    (tmp_path / "photos").rename(tmp_path / "renamed")
    assert found(tmp_path / "renamed")[0] == key


def test_arithmetic_names_the_device_the_versions_and_the_settings():
    found = arithmetic(torch.device("cpu"), {"precision": "32-true"})
    assert found["versions"]["torch"] == torch.__version__.partition("+")[0] or found["versions"]["torch"]
    assert found["precision"] == "32-true"
    assert found["versions"]["PIL"] == importlib.metadata.version("pillow")
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        assert arithmetic(torch.device("cpu"), {})["device"] != found["device"]
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("other", [{"a": 2}, {"a": 1, "b": None}, {"b": 1}])
def test_any_other_part_is_another_address(other):
    assert address(**other) != address(a=1)


CHANGED = {
    "weights below the frontier": lambda given: next(given["backbone"].net.stem.parameters()).data.add_(1),
    "frontier": lambda given: given.update(frontier=2),
    "samples": lambda given: given.update(part=Part("train", MadeUp(first=7).splits().train, 2)),
    "variations": lambda given: given.update(part=replace(given["part"], views=3)),
    "no variations": lambda given: given.update(part=replace(given["part"], views=None)),
    "seed of the variations": lambda given: setattr(given["data"], "seed", 5),
    "mirroring": lambda given: setattr(given["data"], "source", replace(given["data"].source, flip=True)),
    "size of a block": lambda given: setattr(given["data"], "eval_batch_size", 7),
    "arithmetic": lambda given: given.update(settings={"precision": "bf16-mixed"}),
    "what reads": lambda given: given["monkeypatch"].setattr(
        "tlx.cache.address.reading_digest", lambda *_: "other code"
    ),
    "more": lambda given: given.update(more={"what": "else"}),
}


@pytest.mark.parametrize("what", CHANGED)
def test_whatever_the_bits_depend_on_is_another_address(what, monkeypatch):
    cache = cache_of(Path("unused"))
    given = {
        "backbone": cache.network.backbone,
        "frontier": 1,
        "data": cache.data,
        "part": Part("train", cache.data.splits.train, 2),
        "settings": {"precision": "32-true"},
        "monkeypatch": monkeypatch,
        "more": {},
    }

    def addressed():
        backbone, frontier, data, part, settings, _, more = given.values()
        return values_address(backbone, frontier, data, part, torch.device("cpu"), settings, **more)

    before = addressed()
    assert addressed() == before
    CHANGED[what](given)
    assert addressed() != before
