from typing import Any

import pytest

from tlx.composition.changes import FREE, MOVED, PLANNED, SETTLED, changes_between
from tlx.composition.compose import compose
from tlx.composition.resolve import keys
from tlx.errors import ConfigError


def config(*overrides: str) -> dict[str, Any]:
    return compose("fit", overrides).config


def test_changes_are_sorted_by_what_they_do_to_the_result() -> None:
    words = (
        "data.num_workers=2",
        "trainer.devices=2",
        "strategy.head_epochs=9",
        "optimizer.weight_decay=0.5",
    )
    found = changes_between(config(), config(*words))
    assert found.free == (("data.num_workers", 0, 2),)
    assert found.moved == (("trainer.devices", 1, 2),)
    assert found.planned == (("strategy.head_epochs", 5, 9),)
    assert found.other == (("optimizer.weight_decay", 0.01, 0.5),)
    assert found.of_the_result == (*found.other, *found.planned)


def test_what_is_free_of_a_source_is_free_of_those_that_it_is_made_of() -> None:
    words = ("data=by_classes", "data.classes=[a,b]", "data@data.of=folder")
    one, other = (config(*words, f"data.of.root=/{root}") for root in "ab")
    assert changes_between(one, other).free == (("data.of.root", "/a", "/b"),)
    node = "{_target_: tlx.data.folder.Folder, root: /%s, check: none, flip: %s}"
    several = [
        config("data@source=joined", f"source.of=[{node % ('a', 'true')},{node % words}]")
        for words in (("b", "true"), ("c", "false"))
    ]
    found = changes_between(*several)
    assert found.free == (("source.of.1.root", "/b", "/c"),)
    assert found.other == (("source.of.1.flip", True, False),)


def test_a_cache_that_keeps_something_else_may_round_otherwise_and_one_elsewhere_may_not() -> None:
    found = changes_between(config(), config("cache=none"))
    assert {key for key, _, _ in found.moved} == {"cache.ram", "cache.disk"}
    assert not found.of_the_result and not found.free
    elsewhere = changes_between(config(), config("cache.folder=/a"))
    assert elsewhere.free == (("cache.folder", None, "/a"),) and not elsewhere.moved


def test_another_logger_is_free() -> None:
    assert not changes_between(config(), config("logger=tensorboard")).of_the_result


def test_what_changes_the_result_is_refused_shortly_with_both_values_and_a_way_out() -> None:
    changes_between(config(), config("data.num_workers=2")).refuse_other()
    with pytest.raises(ConfigError) as caught:
        changes_between(config(), config("data.batch_size=8", "mixup=0.2")).refuse_other()
    line = caught.value.line()
    assert "data.batch_size=32 there and 8 here, mixup=0.0 there and 0.2 here" in line
    assert "Try: allow_change=true" in line
    assert "tlx resume --help names the keys that are free to change" in line
    assert len(line) < 400


@pytest.mark.parametrize(
    "word", ["model.weights=null", "task=regression", "optimizer=sgd", "monitor=val/loss", "init_from=run"]
)
def test_what_was_settled_when_the_run_began_is_refused_with_its_reason(word: str) -> None:
    with pytest.raises(ConfigError, match=r"there and .* here.*; the .*|best epoch.* Try: a new run"):
        changes_between(config(), config(word))


@pytest.mark.parametrize(
    "word",
    [
        "regularizer.ewc.samples=100",
        "regularizer.ewc.estimator=sampled",
        "regularizer.ewc.tasks=online",
        "regularizer.replay.samples=7",
        "regularizer.replay.selection=balanced",
    ],
)
def test_what_was_made_of_the_source_when_the_run_began_is_not_made_again(word: str) -> None:
    held = ("data@source=digits", "regularizer=[ewc,replay]")
    with pytest.raises(ConfigError, match=r"was (made|filled) by it. Try: a new run"):
        changes_between(config(*held), config(*held, word))
    changed = changes_between(config(*held), config(*held, "regularizer.ewc.strength=7"))
    assert [key for key, _, _ in changed.other] == ["regularizer.ewc.strength"]


def test_every_key_that_is_listed_is_a_key_of_the_config() -> None:
    held = ("data@source=folder", "source.root=.", "regularizer=[ewc,replay]")
    known = {*keys(config("data=folder", "data.root=.", *held))}
    assert {*FREE, *MOVED, *SETTLED, *PLANNED} <= known
