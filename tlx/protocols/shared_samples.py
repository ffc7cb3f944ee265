"""Samples that both sides of a distance have."""

from tlx.data.duplicates import comparable, copies_in
from tlx.types import Split

__all__ = ["shared_samples"]


def shared_samples(source: Split, target: Split) -> tuple[str, ...]:
    """What there is to say of samples whose exact bytes are in both; nothing where they cannot be compared.

    Args:
        source: What was measured of the source.
        target: What was measured of the target.
    """
    if not (comparable(source) and comparable(target)):
        return ()
    count = int(copies_in(source, (target,)).sum())
    if not count:
        return ()
    are = "is" if count == 1 else "are"
    shared = f"{count:,} of the {len(source):,} source samples {are} in the target too"
    why = "intervals and p-values are those of independent samples"
    return (f"{shared}: {why}, and KID and MMD of data with itself may lie beside their intervals.",)
