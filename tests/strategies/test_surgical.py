import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.errors import ConfigError
from tlx.plan import HEAD
from tlx.strategies.surgical import surgical

RESNET = ["stem", "layer1", "layer2", "layer3", "layer4"]


def block(stages: list[str], chosen: object) -> list[str]:
    (phase,) = surgical(stages, block=chosen).phases  # type: ignore[arg-type]
    return [part for part in phase.trains if part != HEAD]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("first", ["stem", "layer1"]),
        ("middle", ["layer2", "layer3"]),
        ("last", ["layer4"]),
        ("layer2", ["layer2"]),
        (["layer3", "layer2"], ["layer2", "layer3"]),
    ],
)
def test_a_block_of_a_resnet_by_hand(chosen: object, expected: list[str]) -> None:
    assert block(RESNET, chosen) == expected


@given(st.integers(3, 30))
def test_the_three_thirds_hold_every_stage_once(count: int) -> None:
    stages = [f"s{n}" for n in range(count)]
    assert [stage for third in ("first", "middle", "last") for stage in block(stages, third)] == stages


@pytest.mark.parametrize("count", [1, 2])
def test_a_third_of_hardly_any_stages_is_one_of_them(count: int) -> None:
    stages = RESNET[:count]
    assert all(len(block(stages, third)) == 1 for third in ("first", "middle", "last"))
    assert block(stages, "first") == stages[:1]
    assert block(stages, "last") == stages[-1:]


def test_what_lies_above_the_block_is_frozen_too() -> None:
    plan = surgical(RESNET, block="first", head_rate=1e-2, backbone_rate=1e-4, epochs=7, patience=3)
    (phase,) = plan.phases
    assert phase.trains == {"stem": 1e-4, "layer1": 1e-4, HEAD: 1e-2}
    assert (phase.epochs, phase.patience) == (7, 3)
    assert plan.frontier([]) == 0


def test_a_stage_that_bears_the_name_of_a_third_is_that_stage() -> None:
    assert block(["embed", "first", "second"], "first") == ["first"]


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ("frist", r"no stage or block 'frist'.*Try: first"),
        ("layer5", "no stage or block 'layer5'"),
        (["stem", "layer2"], "neighbours in stem, layer1"),
        (["stem", "stem"], "neighbours"),
        ([], "names of stages"),
        ("", "names of stages"),
        (2, "names of stages"),
    ],
)
def test_it_refuses_what_is_no_block(chosen: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        block(RESNET, chosen)
