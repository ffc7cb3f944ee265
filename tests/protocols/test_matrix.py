import torch
from torch import nn

from tests.faults.jobs import MadeUp, small_job
from tlx.assembly import build_network
from tlx.data.datamodule import TransferData
from tlx.protocols.matrix import measured_split, told


class Always(nn.Module):
    """A head that has one answer."""

    def __init__(self, answer: int) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return nn.functional.one_hot(torch.full((len(features),), self.answer), 3).float()


def test_each_task_is_asked_of_its_own_head_and_padding_does_not_count() -> None:
    job = small_job()
    network = build_network(job)
    sizes = (17, 20)
    tasks = [lambda size=size: TransferData(MadeUp(test=size), eval_batch_size=8) for size in sizes]
    found = told(network, [Always(0), Always(2)], tasks, job.trainer)
    labels = [[number % 3 for number in range(size)] for size in sizes]
    assert [(each.right, each.samples, each.split) for each in found] == [
        (labels[0].count(0), 17, "test"),
        (labels[1].count(2), 20, "test"),
    ]


def test_without_a_test_split_what_chose_the_epoch_measures() -> None:
    class Untested(MadeUp):
        def splits(self, targets: object = "class") -> object:  # type: ignore[override]
            return super().splits()._replace(test=None)

    name, split = measured_split(TransferData(Untested(val=9)))
    assert name == "val" and len(split) == 9
