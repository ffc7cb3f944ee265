import shlex
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString
from hypothesis import given
from hypothesis import strategies as st

from tlx.composition.command import asked_by, command_words, quoted
from tlx.composition.compose import compose
from tlx.errors import ConfigError


def composed(*words: str) -> dict[str, Any]:
    return compose("fit", words).config


@pytest.mark.parametrize(
    "words",
    [
        ("data=few_shot", "data@data.of=folder", "data.of.root=PLACE", "data.of.flip=false"),
        (
            "regularizer=[ewc,replay]",
            "data@source=digits",
            "source.val_fraction=0.3",
            "regularizer.ewc.decay=0.5",
        ),
        ("regularizer=l2sp", "model=squeezenet1_1", "trainer=smoke", "seed=3", "data.per_class=5"),
        (
            "strategy=discriminative",
            "strategy.rates={layer3: 1e-5}",
            "stage_rates={layer3: 10}",
            "optimizer=sgd",
        ),
        ("model=module", "model.net._target_=mine.Net", "+model.net.width=3", "model.image_size=8"),
        ("model=transformers", "model.name=PLACE", "data=text_csv", "data.root='PLACE with, comma'"),
        (
            "data=image_csv",
            "data.root=PLACE",
            "data.label=[a,'10']",
            "data.seed=4",
            "monitor=epoch",
            "cache=none",
        ),
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_the_words_of_a_config_compose_it_again(words: tuple[str, ...], tmp_path: Path) -> None:
    config = composed(*(word.replace("PLACE", str(tmp_path)) for word in words))
    assert composed(*command_words(config)) == config


def test_only_what_differs_is_said() -> None:
    assert command_words(composed()) == []
    assert command_words(composed("strategy=gradual_unfreezing", "model=tiny", "seed=0")) == []
    assert command_words(composed("strategy=full", "seed=2")) == ["strategy=full", "seed=2"]


def test_the_words_of_a_node_stand_together(tmp_path: Path) -> None:
    words = [
        "seed=1",
        "data.seed=5",
        "data@source=digits",
        "strategy=full",
        "model=resnet18",
        "source.seed=3",
    ]
    found = command_words(composed(*words))
    assert found == [
        "model=resnet18",
        "data.seed=5",
        "data@source=digits",
        "source.seed=3",
        "strategy=full",
        "seed=1",
    ]


def test_a_node_that_no_choice_builds_has_no_words() -> None:
    config = composed()
    own = {**config, "data": {**config["data"], "_target_": "mine.Data"}}
    with pytest.raises(ConfigError, match=r"no choice of conf/data builds mine\.Data"):
        command_words(own)


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("probe", ("probe.stages=[layer1]", "data.per_class=4", "seed=3", "cache=none")),
        ("distance", ("data@source=digits", "source.val_fraction=0.3", "distance.samples=20")),
        ("gain", ("data@also=folder", "also.root=PLACE", "gain.scratch={epochs: 60}", "strategy=full")),
        (
            "advise",
            ("advise.models=['model=tiny model.weights=null']", "model=resnet18", "advise.budget=60.0"),
        ),
        ("sequence", ("sequence=permuted", "sequence.pad=2", "scenario=domain", "regularizer=[ewc,replay]")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_command_of_a_question_or_a_sequence_asks_the_same(
    verb: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    config = compose(verb, [word.replace("PLACE", str(tmp_path)) for word in words]).config
    tlx, said, *found = shlex.split(asked_by(verb, config, ("mine",)))
    assert (tlx, said, found[-1]) == ("tlx", verb, "trust=[mine]")
    assert compose(verb, found[:-1]).config == config
    assert len(found) == len(words) + 1  # nothing is said that need not be


def test_a_question_that_words_cannot_say_has_no_command() -> None:
    config = compose("probe").config
    assert asked_by("probe", config) == "tlx probe"
    assert asked_by("probe", {**config, "data": {**config["data"], "_target_": "mine.Data"}}) == ""


VALUES = st.one_of(
    st.text(st.characters(codec="ascii", min_codepoint=32), max_size=12).filter(lambda text: "$" not in text),
    st.integers(-5, 5),
    st.booleans(),
    st.none(),
    st.floats(1e-6, 1e6),
)


@given(st.one_of(VALUES, st.lists(VALUES), st.dictionaries(st.sampled_from(["layer1", "head"]), VALUES)))
def test_whatever_a_value_is_hydra_reads_it_as_it_was(value: Any) -> None:
    read = OverridesParser.create().parse_override(f"key={quoted(value)}").value()
    assert plain(read) == value


def plain(read: Any) -> Any:
    """What Hydra makes of an override, without the quotes that it remembers."""
    if isinstance(read, QuotedString):
        return read.text
    if isinstance(read, dict):
        return {key: plain(inner) for key, inner in read.items()}
    return [plain(inner) for inner in read] if isinstance(read, list) else read
