import functools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.faults.jobs import small_backbone
from tlx.errors import ConfigError
from tlx.heads.linear import Linear
from tlx.modules.network import Network
from tlx.modules.supervised import Supervised
from tlx.tasks.multiclass import Multiclass
from tlx.tasks.regression import Regression
from tlx.types import Batch, Task


class Twice:
    """A loss term of 2, whatever the step."""

    def loss_term(self, module: torch.nn.Module, step: object) -> torch.Tensor:
        return torch.tensor(2.0)


class TrainerWith:
    def __init__(self, *callbacks: object) -> None:
        self.callbacks = list(callbacks)
        self.accumulate_grad_batches, self.num_training_batches = 3, 7


@pytest.fixture
def module() -> Supervised:
    torch.manual_seed(0)
    return made()


def made(task: Task | None = None, mixup: float = 0.0) -> Supervised:
    make = functools.partial(torch.optim.SGD, momentum=0.5)
    network = Network(small_backbone(), Linear(8, 3))
    labels = np.arange(12) % 3
    return Supervised(network, task or Multiclass(label_smoothing=0.2), labels, "abc", 9, make, mixup)


def batch(ids: list[int]) -> Batch:
    inputs = torch.randn(len(ids), 1, 8, 8, generator=torch.Generator().manual_seed(1))
    return Batch(inputs, torch.arange(len(ids)) % 3, torch.tensor(ids))


def test_the_loss_is_smoothed_cross_entropy_plus_every_term(module: Supervised) -> None:
    module.eval()
    module._trainer = TrainerWith(object(), Twice())  # type: ignore[assignment]
    some = batch([0, 1, 2, 3])
    step = module.training_step(some, 0)
    logits = module.net(some.inputs)
    log = logits.log_softmax(dim=1)
    by_hand = -(0.8 * log[range(4), some.targets] + 0.2 * log.mean(dim=1)).mean()
    torch.testing.assert_close(step["task_loss"], by_hand)
    torch.testing.assert_close(step["loss"], by_hand + 2)
    assert step["worth"] == (logits.argmax(1) == some.targets).sum()


def test_what_each_term_added_is_told_by_its_name_without_a_gradient(module: Supervised) -> None:
    class Named(Twice):
        name = "pull"

        def loss_term(self, module: torch.nn.Module, step: object) -> torch.Tensor:
            return torch.tensor(0.5, requires_grad=True)

    module._trainer = TrainerWith(Named(), Twice())  # type: ignore[assignment]
    step = module.training_step(batch([0, 1, 2]), 6)  # whose window the epoch cuts short
    assert {name: value.item() for name, value in step["terms"].items()} == {"pull": 0.5, "Twice": 2.0}
    assert not any(value.requires_grad for value in step["terms"].values())
    torch.testing.assert_close(step["loss"], 3 * (step["task_loss"] + 2.5))


def test_a_window_that_the_epoch_cuts_short_counts_in_full(module: Supervised) -> None:
    """7 batches in windows of 3: Lightning divides the seventh by 3, though it stands alone."""
    module.eval()
    module._trainer = TrainerWith()  # type: ignore[assignment]
    losses = [module.training_step(batch([0, 1, 2]), number)["loss"].item() for number in (0, 5, 6)]
    assert losses[0] == losses[1]
    assert losses[2] == pytest.approx(3 * losses[0])


def test_fillers_are_not_counted_in_validation(module: Supervised) -> None:
    module.eval()
    some = batch([0, 1, 2, -1])
    module.validation_step(some, 0)
    module.validation_step(batch([-1, -1]), 1)
    logits = module.net(some.inputs[:3]).detach()
    found = module.val_figures.compute()
    assert float(found["loss"]) == pytest.approx(float(F.cross_entropy(logits, some.targets[:3])), abs=1e-5)
    accuracy = (logits.argmax(1) == some.targets[:3]).float().mean()
    assert float(found["accuracy"]) == pytest.approx(float(accuracy))


def test_the_optimizer_has_every_group_named_at_rate_0(module: Supervised) -> None:
    optimizer = module.configure_optimizers()
    assert [g["name"] for g in optimizer.param_groups][-2:] == ["head/decay", "head/no_decay"]
    assert {g["lr"] for g in optimizer.param_groups} == {0.0}
    assert {g["momentum"] for g in optimizer.param_groups} == {0.5}


def test_mixup_is_the_loss_of_both_targets_on_mixed_pictures() -> None:
    module = made(mixup=0.5).eval()
    module._trainer = TrainerWith()  # type: ignore[assignment]
    some = batch([0, 1, 2, 3])
    torch.manual_seed(7)
    step = module.training_step(some, 0)
    torch.manual_seed(7)
    share = torch.distributions.Beta(0.5, 0.5).sample().item()
    order = torch.randperm(4)
    logits = module.net(share * some.inputs + (1 - share) * some.inputs[order])
    losses = [F.cross_entropy(logits, t, label_smoothing=0.2) for t in (some.targets, some.targets[order])]
    torch.testing.assert_close(step["loss"], share * losses[0] + (1 - share) * losses[1])
    assert 0 < share < 1


def test_mixup_of_a_square_error_has_the_gradient_of_mixed_targets() -> None:
    labels, network = np.zeros((4, 1), np.float32), Network(small_backbone(), Linear(8, 1))
    task = Regression()
    network.output = task.output(np.array([[-1.0], [1.0]], np.float32), "x")
    module = Supervised(network, task, labels, "x", 4, torch.optim.SGD, 0.5)  # type: ignore[arg-type]
    outputs = torch.randn(4, 1, requires_grad=True)
    targets, order = torch.randn(4, 1), torch.tensor([1, 2, 3, 0])
    module.criterion.std = torch.ones(1)
    loss, _ = module._measured(outputs, targets, order, 0.3)
    (found,) = torch.autograd.grad(loss, outputs)
    mixed = 0.3 * targets + 0.7 * targets[order]
    (expected,) = torch.autograd.grad(F.mse_loss(outputs, mixed), outputs)
    torch.testing.assert_close(found, expected)


def test_mixup_of_tokens_and_a_negative_alpha_are_refused() -> None:
    with pytest.raises(ConfigError, match="mixup"):
        made(mixup=-1.0)
    with pytest.raises(ConfigError, match="pictures"):
        made(mixup=0.5)._mixed({"input_ids": torch.zeros(2, 3)})


def test_a_batch_of_one_with_batch_normalisation_is_explained() -> None:
    class Single(torch.nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return F.batch_norm(inputs.mean(dim=(2, 3)), None, None, training=True)

    module = made()
    module._trainer = TrainerWith()  # type: ignore[assignment]
    module.net = Single()  # type: ignore[assignment]
    with pytest.raises(ConfigError, match=r"batch of one.*data\.batch_size=2.*norms=statistics"):
        module.training_step(batch([0]), 0)


class Pull(Twice):
    """A term that takes the place of weight decay."""

    replaces_weight_decay = True


@pytest.mark.parametrize(("terms", "decays"), [((), {0.0, 0.5}), ((Pull(),), {0.0})])
def test_weight_decay_is_off_where_a_term_takes_its_place(
    module: Supervised, terms: tuple[object, ...], decays: set[float]
) -> None:
    module.make_optimizer = functools.partial(torch.optim.SGD, weight_decay=0.5)
    module._trainer = TrainerWith(*terms)  # type: ignore[assignment]
    assert {group["weight_decay"] for group in module.configure_optimizers().param_groups} == decays
