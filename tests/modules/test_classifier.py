import functools

import pytest
import torch
from torch.nn import functional as F

from tests.faults.jobs import small_backbone
from tlx.errors import ConfigError
from tlx.heads.linear import Linear
from tlx.modules.classifier import Classifier
from tlx.modules.network import Network
from tlx.types import Batch


class Twice:
    """A loss term of 2, whatever the step."""

    def loss_term(self, module: torch.nn.Module, step: object) -> torch.Tensor:
        return torch.tensor(2.0)


class TrainerWith:
    def __init__(self, *callbacks: object) -> None:
        self.callbacks = list(callbacks)
        self.accumulate_grad_batches, self.num_training_batches = 3, 7


@pytest.fixture
def module() -> Classifier:
    torch.manual_seed(0)
    make = functools.partial(torch.optim.SGD, momentum=0.5)
    return Classifier(Network(small_backbone(), Linear(8, 3)), 3, make, label_smoothing=0.2)


def batch(ids: list[int]) -> Batch:
    inputs = torch.randn(len(ids), 1, 8, 8, generator=torch.Generator().manual_seed(1))
    return Batch(inputs, torch.arange(len(ids)) % 3, torch.tensor(ids))


def test_the_loss_is_smoothed_cross_entropy_plus_every_term(module: Classifier) -> None:
    module.eval()
    module._trainer = TrainerWith(object(), Twice())  # type: ignore[assignment]
    some = batch([0, 1, 2, 3])
    step = module.training_step(some, 0)
    logits = module.net(some.inputs)
    log = logits.log_softmax(dim=1)
    by_hand = -(0.8 * log[range(4), some.targets] + 0.2 * log.mean(dim=1)).mean()
    torch.testing.assert_close(step["task_loss"], by_hand)
    torch.testing.assert_close(step["loss"], by_hand + 2)
    assert step["hits"] == (logits.argmax(1) == some.targets).sum()


def test_a_window_that_the_epoch_cuts_short_counts_in_full(module: Classifier) -> None:
    """7 batches in windows of 3: Lightning divides the seventh by 3, though it stands alone."""
    module.eval()
    module._trainer = TrainerWith()  # type: ignore[assignment]
    losses = [module.training_step(batch([0, 1, 2]), number)["loss"].item() for number in (0, 5, 6)]
    assert losses[0] == losses[1]
    assert losses[2] == pytest.approx(3 * losses[0])


def test_fillers_are_not_counted_in_validation(module: Classifier) -> None:
    module.eval()
    some = batch([0, 1, 2, -1])
    module.validation_step(some, 0)
    module.validation_step(batch([-1, -1]), 1)
    logits = module.net(some.inputs[:3]).detach()
    assert float(module.val_metrics["loss"].compute()) == pytest.approx(
        float(F.cross_entropy(logits, some.targets[:3])), abs=1e-5
    )
    accuracy = (logits.argmax(1) == some.targets[:3]).float().mean()
    assert float(module.val_metrics["accuracy"].compute()) == pytest.approx(float(accuracy))


def test_the_optimizer_has_every_group_named_at_rate_0(module: Classifier) -> None:
    optimizer = module.configure_optimizers()
    assert [g["name"] for g in optimizer.param_groups][-2:] == ["head/decay", "head/no_decay"]
    assert {g["lr"] for g in optimizer.param_groups} == {0.0}
    assert {g["momentum"] for g in optimizer.param_groups} == {0.5}


def test_label_smoothing_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"label_smoothing=1\.0"):
        Classifier(Network(small_backbone(), Linear(8, 3)), 3, torch.optim.SGD, label_smoothing=1.0)  # type: ignore[arg-type]
