"""NCE: how much of the target's labels is known from the labels of a source."""

import torch
from torch import Tensor

from tlx.functional.score_inputs import checked_labels, classes

__all__ = ["nce"]


def nce(source_labels: Tensor, labels: Tensor) -> float:
    r"""Minus the conditional entropy of the labels, given what a source model calls the same samples.

    .. math:: -H(Y | Z) = \frac1N \sum_i \ln \frac{n(y_i, z_i)}{n(z_i)}

    Tran, Nguyen and Hassner, *Transferability and Hardness of Supervised Classification Tasks*, 2019,
    arXiv 1908.08142. Counts that are 0 occur in no sample, so that nothing is added to them.

    Args:
        source_labels: z, whole numbers, shape (N,): the source's own labels of the samples or, where there
            are none, its most probable classes, `probabilities.argmax(dim=1)`.
        labels: Target classes y, shape (N,).

    Returns:
        At most 0, where Z determines Y, and at least -H(Y), where they are independent. It tends to 0
        also where there are so many source classes that hardly two samples share one.

    Raises:
        ConfigError: Labels are no whole numbers, as probabilities and logits are not, or shapes do not fit.

    >>> round(nce(torch.tensor([0, 0, 1, 0]), torch.tensor([0, 0, 1, 1])), 7)
    -0.4773856
    """
    count = len(labels) if labels.ndim else 0
    target = classes(checked_labels(labels, count))
    source = classes(checked_labels(source_labels, count, "source_labels"))
    pairs = source.places * len(target.present) + target.places
    both = torch.bincount(pairs, minlength=len(source.present) * len(target.present))
    return float((both[pairs].double() / torch.bincount(source.places)[source.places]).log().mean())
