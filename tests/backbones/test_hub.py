import huggingface_hub.constants
import pytest

from tlx.backbones import hub


def test_a_machine_that_is_told_to_stay_offline_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*words: object) -> None:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(hub.socket, "getaddrinfo", ask)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert not hub.reachable()


def test_without_an_answer_the_client_looks_at_its_cache_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*words: object) -> None:
        raise OSError("no such host")

    monkeypatch.setattr(hub.socket, "getaddrinfo", nobody)
    monkeypatch.setattr(hub.urllib.request, "getproxies", dict)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    assert not hub.reachable()
    with hub.asked_if_reachable():
        assert huggingface_hub.constants.HF_HUB_OFFLINE
    assert not huggingface_hub.constants.HF_HUB_OFFLINE


def test_what_is_not_cached_is_not_found() -> None:
    assert hub.cached_weights("nobody/nothing-of-this-name") is None
    assert hub.cached_weights("") is None
