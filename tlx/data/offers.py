"""What a split can do beyond what every split must."""

__all__ = ["offers"]


def offers(split: object, *names: str) -> bool:
    """Whether a split has attributes that not every split has, and all splits that it is made of too.

    A split that stands for others, its `parts`, can only pass on what each of them has.

    Args:
        split: The split.
        names: Of the attributes.
    """
    parts = getattr(split, "parts", ())
    return all(offers(part, *names) for part in parts) and all(hasattr(split, name) for name in names)
