import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.functional.naive import worst
from tlx.errors import ConfigError
from tlx.functional.fisher import DiagonalFisher


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64)


def linear(classes: int, features: int = 3) -> nn.Linear:
    layer = nn.Linear(features, classes, bias=False).double().eval()
    layer.weight.data = normal(classes, features, seed=5)
    return layer


def network() -> nn.Module:
    torch.manual_seed(3)
    layers = [nn.Linear(6, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 4)]
    return nn.Sequential(*layers).double().eval()


def fisher_of(module: nn.Module, x: torch.Tensor, y: torch.Tensor | None = None, size: int = 1000, **how):
    fisher = DiagonalFisher(module, **how)
    for start in range(0, len(x), size):
        fisher.add(x[start : start + size], None if y is None else y[start : start + size])
    return fisher.mean()


def naive_exact(
    module: nn.Module, x: torch.Tensor, columns: list[int] | None = None
) -> dict[str, torch.Tensor]:
    """The textbook's double sum, over samples and over classes."""
    sums = {name: torch.zeros_like(tensor) for name, tensor in module.named_parameters()}
    for sample in x:
        logits = module(sample[None])
        log_p = (logits if columns is None else logits[:, columns]).log_softmax(1)[0]
        for one in log_p:
            found = torch.autograd.grad(one, list(module.parameters()), retain_graph=True)
            for name, gradient in zip(sums, found, strict=True):
                sums[name] += one.detach().exp() * gradient**2 / len(x)
    return sums


def test_logistic_regression_is_p_1_p_x_squared() -> None:
    x, layer = normal(50, 3), linear(1)
    p = layer(x).sigmoid()
    expected = (p * (1 - p) * x**2).mean(0)
    found = fisher_of(layer, x, likelihood="bernoulli")["weight"][0]
    assert torch.allclose(found, expected, rtol=1e-14, atol=0)


def test_two_classes_are_a_logistic_regression_on_the_difference() -> None:
    x, layer = normal(50, 3), linear(2)
    p = layer(x).softmax(1)
    expected = (p[:, :1] * p[:, 1:] * x**2).mean(0).expand(2, 3)
    assert torch.allclose(fisher_of(layer, x)["weight"], expected, rtol=1e-13, atol=0)


def test_a_linear_softmax_is_p_k_1_p_k_x_squared() -> None:
    x, layer = normal(50, 3), linear(5)
    p = layer(x).softmax(1)
    expected = ((p * (1 - p))[:, :, None] * x[:, None] ** 2).mean(0)
    assert torch.allclose(fisher_of(layer, x)["weight"], expected, rtol=1e-12, atol=0)


def test_linear_regression_with_unit_noise_is_the_mean_of_x_squared() -> None:
    x, layer = normal(50, 3), linear(2)
    expected = (x**2).mean(0).expand(2, 3)
    assert torch.allclose(fisher_of(layer, x, likelihood="gaussian")["weight"], expected, rtol=1e-14, atol=0)


def test_ewc_of_an_orthogonal_design_is_the_joint_least_squares_solution() -> None:
    """With losses as means over samples and a penalty of lambda / 2, lambda is N_old / N_new."""
    old_x = torch.linalg.qr(normal(40, 3))[0] * torch.tensor([1.0, 3.0, 0.5]).double()
    new_x, old_y, new_y = normal(25, 3, seed=1), normal(40, seed=2), normal(25, seed=3)
    anchor = torch.linalg.lstsq(old_x, old_y[:, None]).solution[:, 0]
    layer = nn.Linear(3, 1, bias=False).double().eval()
    layer.weight.data = anchor[None].clone()
    importance = fisher_of(layer, old_x, likelihood="gaussian", size=7)["weight"][0]
    strength = 40 / 25 * importance
    left = new_x.T @ new_x / 25 + strength.diag()
    found = torch.linalg.solve(left, new_x.T @ new_y / 25 + strength * anchor)
    joint = torch.linalg.lstsq(torch.cat([old_x, new_x]), torch.cat([old_y, new_y])[:, None]).solution[:, 0]
    assert torch.allclose(found, joint, atol=1e-13)


def test_exact_is_the_textbooks_sum_over_classes_in_any_network() -> None:
    assert worst(fisher_of(network(), normal(9, 6)), naive_exact(network(), normal(9, 6))) < 1e-12


@pytest.mark.parametrize(
    "how", [{"estimator": "exact"}, {"estimator": "sampled", "draws": 3}, {"estimator": "empirical"}]
)
@pytest.mark.parametrize("size", [1, 4, 9])
def test_the_size_of_batches_and_of_memory_does_not_count(how, size: int) -> None:
    x, y = normal(9, 6), torch.arange(9) % 4
    whole = fisher_of(network(), x, y, generator=generator(1), **how)
    parts = fisher_of(network(), x, y, size, generator=generator(1), max_bytes=1, **how)
    assert worst(parts, whole) < 1e-12


def test_two_processes_add_up_to_one() -> None:
    x = normal(9, 6)
    whole = DiagonalFisher(network(), estimator="sampled", generator=generator(4))
    whole.add(x)
    ranks = [DiagonalFisher(network(), estimator="sampled", generator=generator(4)) for _ in range(2)]
    for rank, fisher in enumerate(ranks):
        mine = torch.arange(rank, 9, 2)
        fisher.add(x[mine], indices=mine)
    assert whole.count == sum(fisher.count for fisher in ranks) == 9
    together = {name: ranks[0].sums[name] + ranks[1].sums[name] for name in whole.sums}
    assert worst(together, whole.sums) < 1e-12


def test_draws_are_pure_in_the_seed() -> None:
    x = normal(30, 6)
    one, same, other = (
        fisher_of(network(), x, estimator="sampled", generator=generator(seed)) for seed in (1, 1, 2)
    )
    assert worst(one, same) == 0 and worst(one, other) > 0.01
    module, before = network(), torch.get_rng_state()
    fisher_of(module, x, estimator="sampled", generator=generator(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_many_draws_come_to_the_exact_value() -> None:
    x = normal(8, 6)
    exact = fisher_of(network(), x)
    sampled = fisher_of(network(), x, estimator="sampled", draws=2000, generator=generator())
    assert worst(sampled, exact) < 0.1
    assert sum(s.sum() for s in sampled.values()) == pytest.approx(
        float(sum(e.sum() for e in exact.values())), rel=0.03
    )


def test_empirical_of_labels_that_the_network_drew_is_exact_on_average() -> None:
    x = normal(4000, 3)
    layer = linear(3)
    y = torch.multinomial(layer(x).softmax(1), 1, generator=generator(7)).squeeze(1)
    assert worst(fisher_of(layer, x, y, estimator="empirical"), fisher_of(layer, x)) < 0.1


def test_empirical_is_the_mean_of_squared_gradients_of_the_loss() -> None:
    x, y = normal(5, 6), torch.tensor([0, 3, 1, 1, 2])
    module = network()
    expected = {name: torch.zeros_like(tensor) for name, tensor in module.named_parameters()}
    for sample, label in zip(x, y, strict=True):
        found = torch.autograd.grad(
            F.cross_entropy(module(sample[None]), label[None]), list(module.parameters())
        )
        for name, gradient in zip(expected, found, strict=True):
            expected[name] += gradient**2 / 5
    assert worst(fisher_of(module, x, y, estimator="empirical"), expected) < 1e-12


def test_batched_is_the_square_of_each_batchs_mean_gradient() -> None:
    x, y, module = normal(6, 6), torch.arange(6) % 4, network()
    expected = {name: torch.zeros_like(tensor) for name, tensor in module.named_parameters()}
    for part, labels in ((x[:4], y[:4]), (x[4:], y[4:])):
        found = torch.autograd.grad(F.cross_entropy(module(part), labels), list(module.parameters()))
        for name, gradient in zip(expected, found, strict=True):
            expected[name] += gradient**2 / 2
    fisher = DiagonalFisher(module, estimator="batched")
    fisher.add(x[:4], y[:4])
    fisher.add(x[4:], y[4:])
    assert fisher.count == 2 and worst(fisher.mean(), expected) < 1e-12


def test_batched_is_a_small_share_of_the_information_and_smaller_with_larger_batches() -> None:
    """The trap: per-sample gradients cancel in a mean, whose square has about a B-th of the size."""
    x, layer = normal(512, 3), linear(4)
    y = torch.multinomial(layer(x).softmax(1), 1, generator=generator(7)).squeeze(1)
    exact = float(fisher_of(layer, x)["weight"].sum())
    shares = [
        float(fisher_of(layer, x, y, size, estimator="batched")["weight"].sum()) / exact for size in (8, 64)
    ]
    assert 0.5 / 8 < shares[0] < 2 / 8 and 0.4 / 64 < shares[1] < 2.5 / 64


@pytest.mark.parametrize("columns", [[1, 3], [2, 0, 3]])
def test_a_softmax_over_some_columns_leaves_the_others_at_0(columns: list[int]) -> None:
    x, module = normal(7, 6), network()
    found = fisher_of(module, x, columns=columns)
    assert worst(found, naive_exact(module, x, columns)) < 1e-12
    others = [column for column in range(4) if column not in columns]
    assert found["3.weight"][others].abs().max() == 0 < found["3.weight"][columns].min()
    y = torch.tensor(columns)[torch.arange(7) % len(columns)]
    empirical = fisher_of(module, x, y, estimator="empirical", columns=columns)
    narrow = network()
    narrow[3].weight.data, narrow[3].bias.data = module[3].weight[columns], module[3].bias[columns]
    expected = fisher_of(narrow, x, torch.arange(7) % len(columns), estimator="empirical")
    assert torch.allclose(empirical["0.weight"], expected["0.weight"], rtol=1e-12)
    assert torch.allclose(empirical["3.weight"][columns], expected["3.weight"], rtol=1e-12)


def test_single_precision_is_within_the_goal() -> None:
    x = normal(32, 6)
    assert worst(fisher_of(network().float(), x.float()), naive_exact(network(), x)) < 2e-4


def test_several_answers_are_bernoulli_each() -> None:
    x, y, layer = normal(20, 3), (normal(20, 4, seed=9) > 0).double(), linear(4)
    p = layer(x).sigmoid()
    exact = ((p * (1 - p))[:, :, None] * x[:, None] ** 2).mean(0)
    assert torch.allclose(fisher_of(layer, x, likelihood="bernoulli")["weight"], exact, rtol=1e-12)
    empirical = (((y - p) ** 2)[:, :, None] * x[:, None] ** 2).mean(0)
    found = fisher_of(layer, x, y, likelihood="bernoulli", estimator="empirical")["weight"]
    assert torch.allclose(found, empirical, rtol=1e-12)
    drawn = fisher_of(
        layer, x, likelihood="bernoulli", estimator="sampled", draws=3000, generator=generator()
    )
    assert torch.allclose(drawn["weight"], exact, rtol=0.15)


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"estimator": "exakt"}, "estimator='exakt'"),
        ({"estimator": "sampled"}, "generator"),
        ({"draws": 0}, "draws=0"),
        ({"columns": []}, "columns"),
        ({"columns": [1, 1]}, "columns"),
        ({"likelihood": "poisson"}, "likelihood"),
    ],
)
def test_arguments_out_of_range_are_refused(how, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        DiagonalFisher(linear(2), **how)


@pytest.mark.parametrize("estimator", ["empirical", "batched"])
def test_true_labels_are_asked_for_where_they_are_read(estimator) -> None:
    with pytest.raises(ConfigError, match="true labels"):
        DiagonalFisher(linear(2), estimator=estimator).add(normal(2, 3))


def test_a_label_out_of_the_columns_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"targets=2 .* \[0, 1\]"):
        DiagonalFisher(linear(3), estimator="empirical", columns=[0, 1]).add(
            normal(2, 3), torch.tensor([1, 2])
        )


def test_a_mean_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="no sample"):
        DiagonalFisher(linear(2)).mean()


@pytest.mark.parametrize("estimator", ["exact", "batched"])
def test_a_network_in_training_mode_is_refused(estimator) -> None:
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    with pytest.raises(ConfigError, match="training mode"):
        DiagonalFisher(module, estimator=estimator).add(torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64))
    assert module[1].num_batches_tracked == 0
