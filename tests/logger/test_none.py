from tlx.logger.none import none


def test_nothing_makes_a_callback() -> None:
    assert none() is None  # type: ignore[func-returns-value]
