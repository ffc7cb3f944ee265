"""What ships keeps the promises of the protocols."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tlx.data.digits import Digits
from tlx.data.folder import Folder
from tlx.data.text_csv import TextCSV
from tlx.preprocessing.image import ImagePreprocessing
from tlx.preprocessing.text import TextPreprocessing
from tlx.types import PADDING, Batch, LossTerm, Preprocessing, Source, Split, Step


class Drift:
    def loss_term(self, module: nn.Module, step: Step) -> Tensor:
        return step.logits.square().mean()


def promised(protocol: Any) -> set[str]:
    return {name for name in (*vars(protocol), *protocol.__annotations__) if not name.startswith("_")}


@pytest.mark.parametrize(
    ("kind", "protocol"),
    [
        (Digits, Source),
        (Folder, Source),
        (TextCSV, Source),
        (ImagePreprocessing, Preprocessing),
        (TextPreprocessing, Preprocessing),
    ],
)
def test_what_ships_has_all_that_its_protocol_promises(kind: type, protocol: Any) -> None:
    given = set(dir(kind)) | set(getattr(kind, "__annotations__", {}))
    assert promised(protocol) - given <= {"flip"}  # an attribute that the constructor sets
    if "flip" in promised(protocol) - given:
        assert kind(root="photos").flip is True


def test_a_split_of_the_digits_is_read_as_its_protocol_says() -> None:
    split: Split = Digits().splits().train
    assert promised(Split) <= set(dir(split))
    some = split.subset(split.labels.nonzero()[0][:3])
    assert len(some) == len(some.labels) == 3
    assert some.fingerprint() != split.fingerprint()


def test_a_callback_with_a_loss_term_is_told_from_one_without() -> None:
    assert isinstance(Drift(), LossTerm)
    assert not isinstance(nn.Identity(), LossTerm)


def test_a_filling_sample_has_the_id_of_none() -> None:
    batch = Batch(torch.zeros(2, 1), torch.zeros(2, dtype=torch.long), torch.tensor([0, PADDING]))
    assert (batch.ids >= 0).tolist() == [True, False]
