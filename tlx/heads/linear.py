"""One linear layer on top of the features."""

import math

from torch import Tensor, nn

from tlx.errors import bad_value

__all__ = ["Linear"]


class Linear(nn.Module):
    """Dropout and one linear layer: logits = W dropout(features) + b.

    W starts from a normal distribution of a small standard deviation and b from zero, so that
    training starts near equal probabilities and its first gradients do not tear at a
    backbone that trains along.

    Args:
        in_features: D, >= 1.
        classes: K, >= 1.
        dropout: Share of the features set to zero while training, in [0, 1).
        std: Of W at the start, >= 0; None: W and b as PyTorch draws those of a linear layer, uniformly
            within 1 / sqrt(D).

    Raises:
        ConfigError: An argument is out of its range.
    """

    def __init__(
        self, in_features: int, classes: int, dropout: float = 0.0, std: float | None = 0.01
    ) -> None:
        super().__init__()
        if in_features < 1:
            raise bad_value("in_features", in_features, "a whole number >= 1")
        if classes < 1:
            raise bad_value("classes", classes, "a whole number >= 1")
        if not 0 <= dropout < 1:
            raise bad_value("dropout", dropout, "a share in [0, 1)")
        if std is not None and not 0 <= std < math.inf:
            raise bad_value("std", std, "a number >= 0, or null for PyTorch's own draw")
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(in_features, classes)
        if std is not None:
            nn.init.normal_(self.linear.weight, std=std)
            nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Logits, shape (B, K), of features, shape (B, D)."""
        logits: Tensor = self.linear(self.dropout(features))
        return logits
