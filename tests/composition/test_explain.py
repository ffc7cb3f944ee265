import pytest
from hydra.errors import ConfigCompositionException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from tlx.composition.compose import compose
from tlx.composition.explain import check_words, explain
from tlx.errors import ConfigError

KEYS = ["seed", "model", "model.weights", "model.head", "model.head.dropout", "data.batch_size", "strategy"]


def explained(error: Exception, *overrides: str) -> str:
    return str(explain(error, overrides, lambda: KEYS))


@pytest.mark.parametrize(
    ("override", "fix"),
    [
        ("model.wieghts=a", "model.weights=a"),
        ("sed=1", "seed=1"),
        ("optimizer.batch_size=8", "data.batch_size=8"),
        ("stratgy=full", "strategy=full"),
        ("batch_size=8", "data.batch_size=8"),
        ("source.root=photos", "data@source=folder source.root=photos"),
    ],
)
def test_an_unknown_key_names_the_one_that_was_meant(override: str, fix: str) -> None:
    key = override.partition("=")[0]
    error = ConfigCompositionException(
        f"Could not override '{key}'.\nTo append to your config use +{override}"
    )
    assert explained(error, "seed=1", override).endswith(f"Try: {fix}")


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (["regularizer.ewc.strength=1"], "regularizer=ewc regularizer.ewc.strength=1"),
        (
            ["regularizer=ewc", "regularizer.lwf.strength=1"],
            "regularizer=[ewc,lwf] regularizer.lwf.strength=1",
        ),
        (["regularizer=[kl,ewc]", "regularizer.ewc.strenght=1"], "regularizer.ewc.strength=1"),
        (["regularizer=ewc", "regularizer.lfw.strength=1"], "regularizer=[ewc,lwf]"),
        (["data=by_classes", "data.classes=[0]", "data.val_fraction=0"], "data.of.val_fraction=0"),
        (
            ["data@source=by_classes", "source.classes=[0]", "source.val_fraction=0"],
            "source.of.val_fraction=0",
        ),
    ],
)
def test_a_key_of_a_choice_that_is_not_made_or_of_data_inside_of_others_is_found(
    words: list[str], fix: str
) -> None:
    with pytest.raises(ConfigError, match=f"no key '{words[-1].partition('=')[0]}'") as refused:
        compose("fit", words)
    assert refused.value.fix == fix


def test_a_key_that_resembles_nothing_gets_no_false_suggestion() -> None:
    error = ConfigCompositionException("Could not override 'model.zzz'.")
    assert explained(error, "model.zzz=1") == (
        "no key 'model.zzz'; model has weights, head. Try: tlx fit --cfg job, which shows every key"
    )


@pytest.mark.parametrize("word", ["gain.scratch.epochs=10", "stage_rates.layer3=10", "model.net.width=8"])
def test_where_any_key_may_be_added_it_is_told_how(word: str) -> None:
    key = word.partition("=")[0]
    error = ConfigCompositionException(f"Could not override '{key}'.")
    keys = [*KEYS, "gain.scratch", "stage_rates", "model.net", "model.net._target_", "strategy.epochs"]
    assert str(explain(error, [word], lambda: keys)) == f"no key {key!r} yet. Try: +{word}"


def test_an_argument_that_scratch_does_not_have_is_not_suggested() -> None:
    error = ConfigCompositionException("Could not override 'gain.scratch.epoch'.")
    said = str(explain(error, ["gain.scratch.epoch=1"], lambda: [*KEYS, "gain.scratch"]))
    assert said.startswith("no argument of strategy=scratch 'epoch'. Known: epochs, patience, rate")
    assert said.endswith("Try: epochs")


def test_an_unknown_choice_shows_what_there_is() -> None:
    found = explained(MissingConfigException("In 'fit': Could not find 'strategy/ful'", "strategy/ful"))
    assert found.startswith("no strategy 'ful'. Known: auto, discriminative, ")
    assert found.endswith("Try: strategy=full")
    nothing = explained(MissingConfigException("In 'fit': Could not find 'data/zzzz'", "data/zzzz"))
    assert nothing.endswith("Try: tlx list data says what each one means")


def test_an_override_that_cannot_be_read_is_repeated() -> None:
    error = OverrideParseException("data.root=a=b", "mismatched input")
    assert "'data.root=a=b' cannot be read" in explained(error)


def test_other_errors_keep_their_first_line() -> None:
    assert explained(ValueError("first\nsecond")) == "first"
    assert explained(ConfigCompositionException("strange.\nmore")) == "strange"
    assert explained(OmegaConfBaseException("odd\nfull_key: a")) == "odd"


@pytest.mark.parametrize(
    ("word", "fix"), [("digits", "data=digits"), ("strategi", "strategy="), ("zz", "key=value")]
)
def test_a_word_that_is_no_override_is_refused_with_its_group(word: str, fix: str) -> None:
    with pytest.raises(ConfigError, match=f"Try: {fix}"):
        check_words(["seed=1", word])
    check_words(["seed=1", "+a=2", "~b"])


@pytest.mark.parametrize("word", ["data@source=null", "strategy=null", "+model=null"])
def test_a_group_without_a_choice_is_named(word: str) -> None:
    group = word.lstrip("+").partition("=")[0].partition("@")[0]
    with pytest.raises(ConfigError) as refused:
        compose("fit", ["seed=null", word])
    assert str(refused.value).startswith(f"{word} names no choice")
    assert f"tlx list {group} shows the choices" in str(refused.value)


@pytest.mark.parametrize(
    ("word", "what", "fix"),
    [
        ("regularizer=[ewc,ewc]", "names ewc twice", "regularizer=[ewc]"),
        ("regularizer=[lwf, 'ewc' ,lwf]", "names lwf twice", "regularizer=[lwf,ewc]"),
        ("regularizer=[ewc,none]", "none beside others", "regularizer=[ewc], or regularizer=none"),
        ("regularizer=none,[ewc,ewc]", "names ewc twice", "regularizer=[ewc]"),
    ],
)
def test_a_list_that_names_a_choice_twice_or_nothing_beside_something_is_refused(
    word: str, what: str, fix: str
) -> None:
    with pytest.raises(ConfigError, match=what) as refused:
        compose("fit", [word])
    assert refused.value.fix == fix


def test_other_lists_pass() -> None:
    check_words(["regularizer=[ewc,lwf]", "regularizer=none,[ewc,lwf],[ewc]", "model.hidden=[64,64]"])
