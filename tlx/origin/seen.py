"""Samples that measure what is forgotten, and that the run learns or is chosen on all the same."""

import logging

import numpy as np
from numpy.typing import NDArray

from tlx.data.duplicates import comparable, copies_in
from tlx.data.warned import warn
from tlx.origin.origin import Origin, measured

__all__ = ["seen", "warn_of_seen"]

_log = logging.getLogger(__name__)


def seen(origin: Origin) -> NDArray[np.bool_] | None:
    """Which of the measured source samples have their exact bytes in train or val, (N,); None: not known.

    Raises:
        ConfigError: There is no source.
    """
    split, splits = measured(origin.source_at_hand), origin.data.splits
    if not (comparable(split) and comparable(splits.train) and comparable(splits.val)):
        return None
    return copies_in(split, (splits.train, splits.val))


def warn_of_seen(origin: Origin) -> None:
    """Say that what is forgotten is measured on samples that the run learns or is chosen on."""
    found = seen(origin)
    if found is None or not found.any():
        return
    are = "is" if found.sum() == 1 else "are"
    warn(
        _log,
        f"{found.sum():,} of the {len(found):,} source samples that measure what is forgotten {are} in train "
        "or val of the data too: something is made of them, where the figures under source/ promise "
        "that nothing is. Try: other samples as test (or val) of the source, or as data",
    )
