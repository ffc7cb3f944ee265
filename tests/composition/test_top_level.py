import pytest

from tlx.composition.compose import compose
from tlx.composition.top_level import foreign_key, read_by
from tlx.errors import ConfigError


def test_a_verb_reads_its_own_keys_and_those_that_it_is_made_on() -> None:
    assert {"lr", "strategy", "source", "monitor", "trust"} <= read_by("lr")
    assert {"strategy", "also", "gain", "experiment", "hydra"}.isdisjoint(read_by("probe"))


@pytest.mark.parametrize(
    ("verb", "word", "said", "fix"),
    [
        (
            "distance",
            "strategy=full",
            "takes no strategy: it trains nothing.",
            "without strategy=full, which",
        ),
        ("probe", "strategy.epochs=3", "takes no strategy: it trains nothing but linear probes", "tlx fit"),
        ("probe", "data@source=digits", "takes no data@source: .* of one data set", "tlx distance"),
        ("probe", "source.root=photos", "takes no source: .* of one data set", "tlx distance"),
        (
            "advise",
            "strategy=full",
            "takes no strategy: it chooses what trains itself",
            r"Try: advise.strategies=\[full\] or",
        ),
        ("advise", "regularizer=l2sp", "takes no regularizer", r"Try: advise.regularizers=\[l2sp\] or"),
        ("distance", "mixup=0.2", "takes no mixup", "without mixup=0.2, which tlx doctor, .*tlx fit"),
        ("fit", "data@also=digits", "takes no data@also. Try", "which tlx gain takes"),
        ("fit", "gain.seeds=3", "takes no gain", "which tlx gain takes"),
    ],
)
def test_what_other_verbs_read_is_told_with_the_reason_and_those_verbs(
    verb: str, word: str, said: str, fix: str
) -> None:
    with pytest.raises(ConfigError, match=f"^tlx {verb} {said}.*{fix}"):
        compose(verb, ["seed=1", word])


def test_what_no_verb_reads_is_left_to_the_spelling() -> None:
    assert foreign_key("probe", ["prob.samples=3", "seed=1", "model=mlp", "data.batch_size=3"]) is None
