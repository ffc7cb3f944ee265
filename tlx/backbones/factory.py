"""Networks that somebody else's code builds: called with care, and asked whether they are random."""

from collections.abc import Callable

import torch
from torch import nn

from tlx.errors import ConfigError, TlxError
from tlx.recipe import described

__all__ = ["Factory"]

SEEDS = (0, 1)


class Factory:
    """A class or function that gives a network.

    Args:
        net: It, perhaps with keyword arguments bound.

    Raises:
        ConfigError: It cannot be found again by a dotted path.
    """

    def __init__(self, net: Callable[..., nn.Module]) -> None:
        self.net = net
        self.recipe = described(net)
        self.name = str(self.recipe["_target_"])
        self._sets_weights: bool | None = None

    def __call__(self) -> nn.Module:
        """A new network.

        Raises:
            ConfigError: It cannot be built, or is none.
        """
        try:
            built = self.net()
        except TlxError:
            raise
        except Exception as error:  # it is not our code
            raise ConfigError(
                f"{self.name} cannot be built: {type(error).__name__}: {error}",
                fix="its arguments as +model.net.NAME=VALUE",
            ) from error
        if not isinstance(built, nn.Module):
            raise ConfigError(
                f"{self.name} gives a {type(built).__name__}",
                fix="a class that is an nn.Module, or a function that gives one",
            )
        return built

    def first(self) -> nn.Module:
        """A new network whose values, where they are random, are the same every time."""
        return self._seeded(SEEDS[0])

    def sets_weights(self) -> bool:
        """Whether it sets most weights to the same values each time, which random ones are not."""
        if self._sets_weights is None:
            one, other = (self._seeded(seed).state_dict() for seed in SEEDS)
            varied = {name: tensor for name, tensor in one.items() if tensor.unique().numel() > 1}
            same = sum(t.numel() for name, t in varied.items() if torch.equal(t, other[name]))
            self._sets_weights = same > sum(t.numel() for t in varied.values()) / 2
        return self._sets_weights

    def random(self) -> nn.Module:
        """A new network with random values.

        Raises:
            ConfigError: It sets its weights.
        """
        if self.sets_weights():
            raise ConfigError(
                f"{self.name} sets its own weights, and random values are asked for",
                fix="the argument that turns them off, such as +model.net.pretrained=false",
            )
        return self()

    def _seeded(self, seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self()
