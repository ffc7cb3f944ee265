"""What a split can do beyond what every split must."""

__all__ = ["of_one_class", "offers"]


def offers(split: object, *names: str) -> bool:
    """Whether a split has attributes that not every split has, and all splits that it is made of too.

    A split that stands for others, its `parts`, can only pass on what each of them has.

    Args:
        split: The split.
        names: Of the attributes.
    """
    parts = getattr(split, "parts", ())
    return all(offers(part, *names) for part in parts) and all(hasattr(split, name) for name in names)


def of_one_class(thing: object, name: str, *others: str) -> bool:
    """Whether methods were written together, so that they do the same in two ways.

    Where a subclass or a wrapper gives one of them a meaning of its own, the others know nothing of it.
    Of a split that stands for others, its `parts`, those are asked too.

    Args:
        thing: Whose methods they are.
        name: The method that counts.
        others: Those that stand for it.
    """
    written = [_written(type(thing), each) for each in (name, *others)]
    parts = getattr(thing, "parts", ())
    return written.count(written[0]) == len(written) and all(
        of_one_class(part, name, *others) for part in parts
    )


def _written(kind: type, name: str) -> type | None:
    return next((each for each in kind.__mro__ if name in vars(each)), None)
