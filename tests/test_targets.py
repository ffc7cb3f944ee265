import contextlib
import functools
import os
import sys
import types
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tlx.composition.job
import tlx.training
from tlx.errors import ConfigError, SecurityError, TlxError
from tlx.targets import LISTED, ROOMS, resolve


class Instance:
    def __call__(self) -> None:
        raise AssertionError("called")


def own() -> str:
    return "called"


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("somebody")
    monkeypatch.setitem(sys.modules, "somebody", module)
    monkeypatch.setattr(own, "__module__", "somebody")
    vars(module).update(
        own=own,
        alias=os.system,
        bound=functools.partial(os.system, "true"),
        method=os.environ.get,
        builtin=[].append,
        instance=Instance(),
        builder=tlx.composition.job.make_job,
        module=os,
    )


@pytest.mark.parametrize("path", sorted(LISTED))
def test_listed_constructors_of_libraries_may_be_named(path: str) -> None:
    assert resolve(path).__name__ == path.rpartition(".")[2]


def test_a_listed_name_that_leads_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.optim, "SGD", os.system)
    with pytest.raises(SecurityError, match="leads out of torch to posix"):
        resolve("torch.optim.SGD")


@pytest.mark.parametrize(
    "path",
    [
        "os.system",
        "posix.system",
        "logging.os.system",
        "builtins.eval",
        "builtins.exec",
        "torch.load",
        "torch.hub.load",
        "torch.optim.Adam",
        "subprocess.Popen",
        "code.InteractiveInterpreter",
        "tlx.recipe.build",  # takes a trust of its own
        "tlx.cli.main",  # takes a command line, trust=[...] in it
        "tlx.api.load",
        "tlx.api.fit",
        "tlx.run.directory.write_text",
        "tlx.checkpoint.bundle.load_bundle",
        "tlx.data.folder.os",
        "tlx.data.npz.np",
        "tlx.backbones.factory.described",  # tlx's own, but of another room
        "tlx.backbones.timm.importlib",
        "tlx.strategies.full.Plan",
        "tlx.backbones.weights_file._called",
        "tlxevil.thing",
    ],
)
def test_what_leads_elsewhere_is_refused_with_exit_code_7(path: str) -> None:
    with pytest.raises(SecurityError) as refusal:
        resolve(path)
    assert refusal.value.exit_code == 7


@pytest.mark.parametrize(
    "path",
    [
        "",
        "system",
        ".os.system",
        "os..system",
        "os.system ",
        "tlx.heads\0.linear.Linear",
        "tlx.recipe.importlib.import_module",
        "tlx.data.folder.os.system",
        "tlx.heads.linear.Linear.forward",  # a method of an allowed class
        "tlx.tasks.multiclass.Multiclass.describe",
        "x" * 10_000,
    ],
)
def test_what_is_no_path_to_a_class_or_function_is_refused(path: str) -> None:
    with pytest.raises(TlxError) as refusal:
        resolve(path)
    assert refusal.value.exit_code in (2, 7)
    assert len(refusal.value.line()) < 1000


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("tlx.heads.linear.Liner", "tlx.heads.linear.Linear"),
        ("tlx.heads.lineal.Linear", "tlx.heads.linear.Linear"),
        ("tlx.haeds.linear.Linear", "tlx.heads.linear.Linear"),
        ("tlx.heads.Linear", "tlx.heads.linear.Linear"),
        ("tlxx.heads.linear.Linear", "tlx.heads.linear.Linear"),
        ("tlx.strategies.fulll.full", "tlx.strategies.full.full"),
    ],
)
def test_a_slip_of_the_pen_is_a_setting_and_the_nearest_name_is_said(path: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=rf"Try: {meant}$"):
        resolve(path)


def test_a_library_of_which_something_is_listed_says_what() -> None:
    with pytest.raises(SecurityError, match=r"Try: torch\.optim\.AdamW, or trust=\[torch\]"):
        resolve("torch.optim.Adamw")


@pytest.mark.usefixtures("package")
def test_trust_opens_what_a_package_defines_and_no_further() -> None:
    with pytest.raises(SecurityError, match=r"trust=\[somebody\]"):
        resolve("somebody.own")
    assert resolve("somebody.own", ["somebody"]) is own
    for name in ("alias", "bound", "method", "builtin", "builder"):
        with pytest.raises(SecurityError, match="leads out of somebody"):
            resolve(f"somebody.{name}", ["somebody"])
    for name in ("module", "nothing", "os.system"):
        with pytest.raises(TlxError):
            resolve(f"somebody.{name}", ["somebody"])


def test_trust_in_tlx_opens_no_more_of_it() -> None:
    with pytest.raises(SecurityError):
        resolve("tlx.cli.main", ["tlx"])


def test_nothing_is_imported_to_refuse_a_path(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "canary.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')\ndef f(): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SecurityError):
        resolve("canary.f")
    assert not (tmp_path / "imported").exists()
    assert resolve("canary.f", ["canary"]).__name__ == "f"
    assert (tmp_path / "imported").exists()


def importable() -> list[str]:
    """Every name of every module that is loaded, callable or not."""
    names = []
    for module, held in sorted(sys.modules.items()):
        if isinstance(held, types.ModuleType) and "test" not in module:
            names += [f"{module}.{name}" for name in sorted(map(str, vars(held)))]
    return names


NAMES = importable()


def allowed(path: str) -> bool:
    module, _, name = path.rpartition(".")
    room = module.split(".")[1]
    return room in ROOMS and name in getattr(sys.modules[module], "__all__", ())


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from([name for name in NAMES if not name.startswith("tlx.")]))
def test_no_importable_name_of_another_library_is_built(path: str) -> None:
    if path in LISTED:
        return
    with pytest.raises(TlxError) as refusal:
        resolve(path)
    assert refusal.value.exit_code in (2, 7)


def test_of_tlx_itself_only_what_a_room_offers_is_built() -> None:
    built = {}
    for path in [name for name in NAMES if name.startswith("tlx.")]:
        with contextlib.suppress(ConfigError, SecurityError):
            built[path] = resolve(path)
    assert "tlx.trainer.TrainerSettings" in built
    assert [path for path in built if not allowed(path)] == []
    assert [path for path, found in built.items() if found.__module__ != path.rpartition(".")[0]] == []


def test_of_the_cache_only_its_settings_may_be_named() -> None:
    assert resolve("tlx.cache.settings.CacheSettings").__name__ == "CacheSettings"
    for path in ("tlx.cache.filling.Filling", "tlx.cache.store.Store", "tlx.cache.settings.os.remove"):
        with pytest.raises((SecurityError, ConfigError)):
            resolve(path)
    with pytest.raises(SecurityError):
        resolve("tlx.cache.filling.Filling")
