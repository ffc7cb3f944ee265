"""The hub that holds published models: whether it can be asked, and what of it is here already."""

import importlib
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["asked_if_reachable", "cached_weights", "reachable"]

FILES = ("model.safetensors", "pytorch_model.bin")


def reachable() -> bool:
    """Whether asking the hub could help; its own client needs half a minute to find out."""
    constants: Any = importlib.import_module("huggingface_hub.constants")
    if constants.HF_HUB_OFFLINE:
        return False
    if urllib.request.getproxies():
        return True
    try:
        socket.getaddrinfo(urllib.parse.urlparse(constants.ENDPOINT).hostname, 443)
    except OSError:
        return False
    return True


@contextmanager
def asked_if_reachable() -> Iterator[None]:
    """Have the hub's client look at its local cache alone where there is no hub to ask."""
    constants: Any = importlib.import_module("huggingface_hub.constants")
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not reachable()
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def cached_weights(repository: str) -> Path | None:
    """The weights of a repository of the hub in its local cache.

    Args:
        repository: As the hub names it, `owner/name`; empty: none.
    """
    client = importlib.import_module("huggingface_hub")
    for file in FILES if repository else ():
        found = client.try_to_load_from_cache(repository, file)
        if isinstance(found, str):
            return Path(found)
    return None
