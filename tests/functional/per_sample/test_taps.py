import gc
import weakref

import torch
from torch import nn
from torch.nn import functional as F

from tlx.functional.per_sample.taps import adding, tapped, uses


def parameters(module: nn.Module) -> dict[str, torch.Tensor]:
    return dict(module.named_parameters())


def test_a_parameter_is_tapped_whoever_calls_the_function() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.own = nn.Parameter(torch.randn(3, 5))
            self.layer = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(input=F.linear(x, weight=self.own))

    module = Own()
    x = torch.randn(4, 5)
    graph = tapped(parameters(module), lambda: module(x))
    assert graph.taps.keys() == {"own", "layer.weight", "layer.bias"} == graph.used
    assert torch.equal(graph.outputs, module(x))


def test_a_backward_pass_to_the_anchor_leaves_no_gradient_of_a_weight() -> None:
    module = nn.Linear(5, 2)
    graph = tapped(parameters(module), lambda: module(torch.randn(4, 5)))
    sums = {"weight": torch.zeros(2, 5), "bias": torch.zeros(2)}
    graph.back(dict.fromkeys(sums, "first"), [torch.ones(4, 2)] * 2, adding(sums, 1000))
    assert module.weight.grad is None and graph.anchor.grad is None
    assert sums["bias"].tolist() == [8.0, 8.0]  # 4 samples, gradient 1, twice


def test_an_output_may_be_changed_in_place_after_its_tap() -> None:
    module = nn.Sequential(nn.Linear(5, 3), nn.ReLU(inplace=True), nn.Linear(3, 2))
    x = torch.randn(4, 5)
    graph = tapped(parameters(module), lambda: module(x))
    assert len(graph.taps) == 4 and torch.equal(graph.outputs, module(x))
    (ours,) = torch.autograd.grad(graph.outputs.sum(), module[0].weight)
    (theirs,) = torch.autograd.grad(module(x).sum(), module[0].weight)
    assert torch.equal(ours, theirs)


def test_nothing_is_tapped_without_gradients_or_after_the_mode_is_left() -> None:
    module = nn.Linear(5, 2)
    with torch.no_grad():
        assert not tapped(parameters(module), lambda: module(torch.randn(4, 5))).taps
    tapped(parameters(module), lambda: module(torch.randn(4, 5)))
    assert type(module(torch.randn(4, 5)).grad_fn).__name__ != "_TappedBackward"


def test_a_layer_that_does_not_reach_the_output_is_not_used() -> None:
    first, second = nn.Linear(5, 2), nn.Linear(5, 2)
    both = nn.ModuleList([first, second])

    def call() -> torch.Tensor:
        first(torch.ones(4, 5))
        return second(torch.ones(4, 5))

    graph = tapped(parameters(both), call)
    assert graph.taps.keys() == {"1.weight", "1.bias"} == graph.used


def test_uses_are_counted_through_any_graph() -> None:
    weight = torch.randn(3, 3, requires_grad=True)
    other = torch.randn(3, requires_grad=True)
    counts, _ = uses((weight @ (weight + other)).relu() + weight.detach(), {"weight": weight, "other": other})
    assert counts == {"weight": 2, "other": 1}


def test_a_graph_dies_with_its_last_reference_not_with_the_next_collection() -> None:
    module = nn.Linear(5, 2)
    x = torch.randn(4, 5)
    gc.disable()
    try:
        graph = tapped(parameters(module), lambda: module(x))
        graph.back({"weight": "first"}, [torch.ones(4, 2)], adding({"weight": torch.zeros(2, 5)}, 1000))
        alive = weakref.ref(graph.outputs)
        del graph
        assert alive() is None
    finally:
        gc.enable()
