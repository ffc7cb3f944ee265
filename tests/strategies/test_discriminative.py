import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.errors import ConfigError
from tlx.plan import HEAD
from tlx.strategies.discriminative import discriminative

STAGES = ["stem", "layer1", "layer2", "layer3", "layer4"]


def test_rates_fall_by_the_papers_factor_from_the_head_down() -> None:
    """Howard and Ruder's series for 0.01 and 2.6, by hand."""
    (phase,) = discriminative(STAGES[:4], rate=1e-2, decay=1 / 2.6).phases
    assert [phase.trains[part] for part in (HEAD, "layer3", "layer2", "layer1", "stem")] == pytest.approx(
        [1e-2, 0.003846, 0.001479, 0.000569, 0.000219], rel=1e-3
    )


@pytest.mark.parametrize(("decay", "lowest"), [(0.65, 0.003697), (0.75, 0.023757)])
def test_layer_wise_decay_scales_the_patches_of_a_vit_as_mae_does(decay: float, lowest: float) -> None:
    stages = ["embed", *(f"block{n}" for n in range(12))]
    (phase,) = discriminative(stages, rate=1.0, decay=decay).phases
    assert phase.trains["embed"] == pytest.approx(lowest, rel=1e-3)
    assert phase.trains["block11"] == decay
    assert phase.trains[HEAD] == 1.0


@given(st.integers(1, 20), st.floats(0.05, 1.0), st.floats(1e-5, 1.0))
def test_every_stage_trains_and_none_faster_than_the_one_above(n: int, decay: float, rate: float) -> None:
    plan = discriminative([f"s{depth}" for depth in range(n)], rate=rate, decay=decay)
    rates = list(plan.phases[0].trains.values())
    assert rates == sorted(rates)
    assert plan.frontier([]) == 0
    assert rates[-1] == rate


def test_a_list_of_rates_freezes_what_it_does_not_name() -> None:
    rates = {HEAD: 1e-3, "layer3": 1e-5, "layer4": 1e-4}
    plan = discriminative(STAGES, rates=rates, epochs=3, patience=2, schedule="constant", warmup=0)
    (phase,) = plan.phases
    assert phase.trains == rates
    assert list(phase.trains) == ["layer3", "layer4", HEAD]
    assert plan.frontier([]) == 3
    assert (phase.epochs, phase.patience, phase.schedule, phase.warmup) == (3, 2, "constant", 0)


def test_a_list_of_rates_can_name_norms_alone() -> None:
    (phase,) = discriminative(STAGES, rates={"layer1:norm": 1e-4, HEAD: 1e-3}).phases
    assert phase.trains == {"layer1:norm": 1e-4, HEAD: 1e-3}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"decay": 0.0}, r"decay=0\.0.*\(0, 1\]"),
        ({"decay": 2.6}, r"decay=2\.6.*\(0, 1\]"),
        ({"rates": {"layer4": 1e-4, HEAD: 1e-3}, "decay": 0.5}, "decay=0.5 would be ignored"),
        ({"rates": {"layer4": 1e-4, HEAD: 1e-3}, "rate": 0.1}, "rate=0.1 would be ignored"),
        ({"rates": {"layer5": 1e-4, HEAD: 1e-3}}, "no stage 'layer5'.*Try: layer4"),
        ({"rates": {"layer4": 1e-4}}, "a rate for the head too"),
        ({"rates": {}}, "a rate for the head too"),
        ({"rates": {"layer4": 1e-4, "haed": 1e-3}}, "no stage 'haed'.*Try: head"),
        ({"rates": {"layr4:norm": 1e-4, HEAD: 1e-3}}, "no stage 'layr4:norm'.*Try: layer4"),
        ({"rates": {"layer4": "1e-4", HEAD: 1e-3}}, "rates.layer4='1e-4'.*text.*without quotes"),
        ({"rates": {"layer4": True, HEAD: 1e-3}}, "rates.layer4=True"),
        ({"rates": {"layer4": math.nan, HEAD: 1e-3}}, "rates.layer4=nan"),
        ({"rates": {"layer4": 0.0, HEAD: 1e-3}}, "strategy=partial freezes layer4"),
        ({"rates": {"layer4": 1e-4, "layer4:norm": 1e-5, HEAD: 1e-3}}, "not both"),
        ({"rates": [1e-4, 1e-3]}, "a mapping from stages to rates"),
    ],
)
def test_it_refuses_what_it_would_have_to_ignore_or_guess(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        discriminative(STAGES, **arguments)


SHELL = [
    ["strategy.rates={layer3: 1e-5, layer4: 1e-4, head: 1e-3}"],
    ["strategy.rates={layer3:1e-5,layer4:1e-4,head:1e-3}"],
    ["+strategy.rates.layer3=1e-5", "+strategy.rates.layer4=1e-4", "+strategy.rates.head=1e-3"],
    ["strategy.rates={head: 1e-3}", "+strategy.rates.layer3=0.00001", "+strategy.rates.layer4=.0001"],
]


@pytest.mark.parametrize("words", SHELL, ids=lambda words: " ".join(words))
def test_rates_come_through_the_shell_as_numbers(words: list[str]) -> None:
    found = compose("fit", ["model.weights=null", "strategy=discriminative", *words])
    job = make_job(found.config)
    assert job.strategy(STAGES).phases[0].trains == {"layer3": 1e-5, "layer4": 1e-4, HEAD: 1e-3}


def test_a_rate_in_quotes_is_explained() -> None:
    found = compose("fit", ["model.weights=null", "strategy=discriminative", "strategy.rates={head: '1e-3'}"])
    with pytest.raises(ConfigError, match="this is text"):
        make_job(found.config).strategy(STAGES)
