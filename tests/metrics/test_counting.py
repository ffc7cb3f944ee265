import resource

import pytest
import torch
from torchmetrics.classification import MulticlassConfusionMatrix

from tlx.metrics.counting import in_any_order
from tlx.tasks.multiclass import MulticlassScores
from tlx.tasks.multilabel import MultilabelFigures


@pytest.fixture(params=[(True, False), (True, True), (False, False)])
def setting(request: pytest.FixtureRequest) -> tuple[bool, bool]:
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(request.param[0], warn_only=request.param[1])
    yield request.param
    torch.use_deterministic_algorithms(before)


def test_the_setting_comes_back_also_after_an_error(setting: tuple[bool, bool]) -> None:
    def fail() -> None:
        with in_any_order():
            assert not torch.are_deterministic_algorithms_enabled()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    deterministic = torch.are_deterministic_algorithms_enabled()
    assert (deterministic, torch.is_deterministic_algorithms_warn_only_enabled()) == setting


def test_the_counts_are_those_of_the_slow_way(setting: tuple[bool, bool]) -> None:
    targets, outputs = torch.arange(60) % 7, torch.randn(60, 7)
    slow, quick = MulticlassConfusionMatrix(7), MulticlassConfusionMatrix(7)
    slow.update(outputs, targets)
    with in_any_order():
        quick.update(outputs, targets)
    assert torch.equal(slow.compute(), quick.compute())


def test_many_classes_take_no_table_of_every_sample_with_every_pair() -> None:
    """600 classes and 64 samples: the slow way compares 23 million pairs, 184 MB."""
    torch.use_deterministic_algorithms(True)
    try:
        scores = MulticlassScores(tuple(map(str, range(600))))
        figures = MultilabelFigures(3, 10**8, 0.5)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        scores.update(torch.randn(64, 600), torch.arange(64), torch.arange(64))
        figures.update(torch.randn(16, 3), torch.ones(16, 3))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    finally:
        torch.use_deterministic_algorithms(False)
    assert grown < 100_000, f"{grown} kB"
