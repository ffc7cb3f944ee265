from typing import Any

import pytest

from tlx.composition.secrets import refuse_secret_words, refuse_secrets, withhold_environment
from tlx.errors import ConfigError
from tlx.withheld import withheld

CANARY = "hunter2-c4n4ry"


@pytest.mark.parametrize(
    "key", ["token", "api_key", "hub_token", "password", "client_secret", "APIKEY", "access_key", "hubToken"]
)
def test_a_literal_secret_is_refused_and_not_repeated(key: str) -> None:
    for plain in ({"data": {key: CANARY}}, {"data": {key: f"${{oc.env:X,{CANARY}}}"}}):
        with pytest.raises(ConfigError, match=f"data.{key} holds a secret") as caught:
            refuse_secrets(plain)
        assert CANARY not in str(caught.value)
    with pytest.raises(ConfigError, match=rf"data.net\[0\].{key} holds a secret"):
        refuse_secrets({"data": {"net": [{key: CANARY}]}})
    for held in ("${oc.env:HUB_TOKEN}", "Bearer ${oc.env:HUB_TOKEN}", "${oc.env:X,null}", None, "", True):
        refuse_secrets({"data": {key: held}})


@pytest.mark.parametrize("key", ["tokenizer", "max_tokens_seen", "monkey", "keys", "author", "sort_key"])
def test_a_key_that_only_sounds_alike_is_let_through(key: str) -> None:
    assert refuse_secrets({key: "value"}) is None


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        (f"https://user:{CANARY}@host/x", True),
        (f"https://{CANARY}@host/x", True),
        (f"postgres://user:{CANARY}@host", True),
        (f"https://user:{CANARY}${{oc.env:MORE}}@host", True),
        ("hf_" + "a1" * 15, True),
        ("ghp_" + "a1" * 18, True),
        ("https://user:${oc.env:PASSWORD}@host", False),
        ("https://${oc.env:USER}:${oc.env:PASSWORD}@host", False),
        ("https://host/a@b", False),
        ("https://host/x?y=1", False),
        ("ssh://git@host/x", False),
        ("photos/me@home", False),
        ("hf_model", False),
    ],
)
def test_a_user_or_password_in_an_address_is_refused_under_any_key(value: str, refused: bool) -> None:
    for words in (lambda: refuse_secrets({"data": {"root": value}}), lambda: refuse_secrets([value], "x")):
        if not refused:
            words()
            continue
        with pytest.raises(ConfigError, match=r"(data\.root|x\[0\]) holds .*Try: export") as caught:
            words()
        assert CANARY not in str(caught.value) and value not in str(caught.value)


@pytest.mark.parametrize(
    "word",
    [
        f"data.api_key={CANARY}",
        f"+data.api_key={CANARY}",
        f"++model.net={{layers: [1, 2], token: {CANARY}}}",
        f"data.root='https://u:{CANARY}@h/x'",
        f"data.root=https://u:{CANARY}@h/x",
        f"data.token=a,{CANARY}",
        f"data@source.password={CANARY}",
        f"token=({CANARY}",  # no word that Hydra can read
    ],
)
def test_an_override_with_a_secret_is_refused_before_hydra_sees_it(word: str) -> None:
    with pytest.raises(ConfigError, match="Try: export") as caught:
        refuse_secret_words(["seed=1", word])
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "word",
    ["seed=1", "~data", "data.api_key=null", "data.api_key=${other.key}", "a.token='${oc.env:T}'", "x"],
)
def test_an_override_without_one_is_let_through(word: str) -> None:
    refuse_secret_words([word])


@pytest.mark.parametrize(
    "plain",
    [
        {"data": {"root": "${oc.env:PLACE_42}"}},
        {"model": {"net": [{"address": "https://user:${oc.env:PLACE_42}@host"}]}},
        {"a": "${oc.env: 'PLACE_42', x}"},
    ],
)
def test_what_a_config_takes_from_the_environment_is_withheld(
    plain: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    value = f"/srv/{CANARY}-{len(str(plain))}"
    monkeypatch.setenv("PLACE_42", value)
    withhold_environment(plain)
    assert withheld(f"no such folder {value}/train") == "no such folder ${oc.env:PLACE_42}/train"


def test_under_a_key_that_names_a_secret_a_plain_word_is_withheld_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_WORD", "swordfish")
    withhold_environment({"data": {"a": "${oc.env:A_WORD}"}})
    assert withheld("a swordfish") == "a swordfish"
    withhold_environment({"data": {"password": "${oc.env:A_WORD}"}})
    assert withheld("a swordfish") == "a ${oc.env:A_WORD}"
