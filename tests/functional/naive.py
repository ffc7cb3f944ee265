"""The plain way to squares of per-sample gradients: one sample after the other."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from tlx.functional.nested import sample_count, samples
from tlx.functional.per_sample.squared_gradients import SquaredGradients, called


def cosines(logits: Tensor, rows: Tensor) -> Iterator[Tensor]:
    """Two vectors for each sample, all of them different."""
    columns = torch.arange(1.0, logits.shape[1] + 1)
    for number in (1, 2):
        yield torch.cos(number * columns + rows[:, None]).to(logits)


def naive_squares(module: nn.Module, inputs, vectors=cosines, forward=called) -> dict[str, Tensor]:
    parameters = {name: tensor for name, tensor in module.named_parameters() if tensor.requires_grad}
    sums = {name: torch.zeros_like(tensor) for name, tensor in parameters.items()}
    for number in range(sample_count(inputs)):
        logits = forward(module, samples(inputs, slice(number, number + 1)))
        for vector in vectors(logits.detach(), torch.tensor([number])):
            found = torch.autograd.grad(
                logits, list(parameters.values()), vector.to(logits), retain_graph=True, allow_unused=True
            )
            for name, gradient in zip(sums, found, strict=True):
                sums[name] += 0 if gradient is None else gradient.detach() ** 2
    return sums


def worst(found: dict[str, Tensor], exact: dict[str, Tensor]) -> float:
    """The greatest difference of any parameter, relative to its greatest square."""
    greatest = max(float(squares.max()) for squares in exact.values())
    return max(
        float((found[name] - exact[name]).abs().max()) / max(float(exact[name].max()), 1e-10 * greatest)
        for name in exact
    )


def compared(module: nn.Module, inputs, max_bytes: int = 2**20, forward=called) -> tuple[float, set[str]]:
    """How far the fast way is off, and which parameters had no kernel."""
    squares = SquaredGradients(module.eval(), None, forward, max_bytes)
    squares.add(inputs, cosines)
    return worst(squares.sums, naive_squares(module, inputs, cosines, forward)), squares.without_kernel


class Pooled(nn.Module):
    """A layer, and the mean over everything after its channels: outputs (N, channels) of any layer."""

    def __init__(self, layer: nn.Module, channels_last: bool = False) -> None:
        super().__init__()
        self.layer = layer
        self.channels_last = channels_last

    def forward(self, inputs: Tensor) -> Tensor:
        found = torch.tanh(self.layer(inputs))
        if self.channels_last:
            found = found.movedim(-1, 1)
        weights = torch.linspace(0.5, 1.5, found[0, 0].numel()).to(found)
        return (found.flatten(2) * weights).sum(2) if found.ndim > 2 else found
