"""`tlx list cache`: what is kept of frozen parts and of what runs share, and how to be rid of it."""

import time
from collections.abc import Sequence

from tlx.cache.part import in_variations
from tlx.cache.scratch import Scratch, scratch_folders
from tlx.cache.settings import CacheSettings
from tlx.cache.store import PART, Entry, Remains, Store
from tlx.errors import ConfigError, bad_value, unknown_name
from tlx.report.formats import size
from tlx.verbs.words import read_words

__all__ = ["cache_details"]

KNOWN = ("clear", "folder")


def cache_details(argv: Sequence[str]) -> str:
    """The entries that lie in the folder, the one used last first; with `clear=true` they go.

    Args:
        argv: `clear=true`, and `folder=PATH` where it is not the usual one.

    Raises:
        ConfigError: Another word, or another value.
    """
    paths, options = read_words(argv, "list cache", least=0)
    for word in (*paths, *(key for key in options if key not in KNOWN)):
        raise unknown_name("option of list cache", word, KNOWN)
    clear = options.get("clear", "false")
    if clear not in ("true", "false"):
        raise bad_value("clear", clear, "true or false")
    if not options.get("folder", "named").strip():
        raise bad_value("folder", options["folder"], "a path")
    settings = CacheSettings(folder=options.get("folder"))
    store = Store(settings.place, settings.budget)
    if clear == "true":
        return f"{size(_cleared(store))} removed from {settings.place}{_in_use(store)}"
    entries = sorted(store.entries(), key=lambda entry: -entry.used)
    remains, scratch = store.remains(entries), scratch_folders(settings.place)
    lines = [*map(_line, entries), *map(_line_of_remains, remains), *map(_scratch_line, scratch)]
    total = f"{_counted(len(entries), 'entry', 'entries')}, {size(sum(each.size for each in entries))}"
    others = [*(left.size for left in remains), *(folder.size for folder in scratch)]
    if others:
        total += f", and {_counted(len(others), 'other', 'others')}, {size(sum(others))}"
    return "\n".join([*lines, f"{total}, in {settings.place}{_missing(store)}"])


def _cleared(store: Store) -> int:
    if not store.entries() and not store.left_over() and not scratch_folders(store.folder):
        return 0
    if not store.is_usable():
        raise ConfigError(f"{store.folder} cannot be written to", fix="the user whose folder it is")
    return store.clear()


def _in_use(store: Store) -> str:
    """What clearing left, because somebody uses it or it is not this user's to remove."""
    left = [*(entry.size for entry in store.entries()), *(each.size for each in store.remains())]
    return f"; {_counted(len(left), 'entry', 'entries')}, {size(sum(left))}, stay: in use" if left else ""


def _missing(store: Store) -> str:
    if store.folder.is_dir():
        return ""
    return ", which is no folder" if store.folder.exists() else ", which is not there"


def _line(entry: Entry) -> str:
    what = entry.what.get("what", {})
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
    model = what.get("model", "?")
    of = f"{what['of']} of {model}" if "of" in what else f"{model} to {what.get('stage', '?')}"
    data = " ".join(str(what[key]) for key in ("data", "root") if what.get(key))
    samples = f"{what.get('samples', '?')} of {what.get('split', '?')}{f' of {data}' if data else ''}"
    samples += in_variations(what.get("views"))
    weights = f", weights {what['weights']}" if what.get("weights") else ""
    return f"  {entry.address[:8]}  {size(entry.size):>9}  used {day}  {of}, {samples}{weights}"


def _line_of_remains(remains: Remains) -> str:
    name = remains.path.name
    if name.endswith(PART):
        what = "being filled" if remains.is_held else "left by a killed run"
    else:
        what = "half removed" if name.endswith(".gone") else "damaged"
    return f"  {name[:8]}  {size(remains.size):>9}  {what}"


def _counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _scratch_line(scratch: Scratch) -> str:
    what = "in use by" if scratch.is_held else "left by a killed"
    return f"  {scratch.path.name}  {size(scratch.size)}  {what} tlx plan measure=true"
