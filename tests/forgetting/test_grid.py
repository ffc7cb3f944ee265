import itertools
from pathlib import Path

import pytest

from scripts.forgetting.grid import SEEDS, STRENGTHS, Material, varied, words
from tlx.composition.compose import compose

MATERIAL = Material(Path("/photos"), Path("/known"), Path("/halves"), Path("/weights.pth"), 123)


@pytest.mark.parametrize("method", STRENGTHS)
def test_the_words_of_every_method_compose_to_one_run(method: str) -> None:
    strengths = STRENGTHS[method][:1]
    config = compose("fit", [*words(method, MATERIAL), *varied(method, strengths, (3,))]).config
    assert config["source"]["train"].endswith("halves/protecting.csv")
    assert config["source"]["val"].endswith("halves/measuring.csv")
    assert config["seed"] == 3
    nodes = config["regularizer"]
    if method == "none":
        assert nodes == {}
        return
    assert nodes[method]["strength"] == strengths[0]
    assert nodes[method].get("samples", 123) == 123


def test_strengths_are_powers_of_ten_in_their_order_and_seeds_are_five() -> None:
    for values in STRENGTHS.values():
        assert all(high == pytest.approx(10 * low) for low, high in itertools.pairwise(values))
    assert SEEDS == (0, 1, 2, 3, 4)
