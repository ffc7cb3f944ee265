"""What breaks a process of the command from the inside, at a chosen moment; FAULT=NAME:ARGUMENTS."""

import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any


def inject(fault: str) -> None:
    """Arm the fault of this name in this process."""
    name, *arguments = fault.split(":")
    FAULTS[name](*arguments)


def _at(hook: str, count: str, act: Callable[..., None]) -> None:
    """Have something happen at the `count`-th time (from 0) that a callback's hook is called."""
    from lightning.pytorch import Callback

    from tlx.trainer import TrainerSettings

    seen = {"times": 0}

    def maybe(self: Callback, trainer: Any, module: Any, *_: Any, **__: Any) -> None:
        seen["times"] += 1
        if seen["times"] == int(count) + 1:
            act(trainer, module)

    breaker = type("Breaker", (Callback,), {hook: maybe})
    original = TrainerSettings.make

    def make(self: TrainerSettings, epochs: int, callbacks: list[Any], where: Path) -> Any:
        return original(self, epochs, [breaker(), *callbacks], where)

    TrainerSettings.make = make  # type: ignore[method-assign]


def _signal(name: str, hook: str, count: str) -> None:
    _at(hook, count, lambda *_: os.kill(os.getpid(), getattr(signal, name)))


def _loading(name: str, module: str) -> None:
    """A signal comes while a module is imported by something that swallows every exception."""
    import sys
    import time

    class Swallows:
        def find_spec(self, wanted: str, *_: Any) -> None:
            if wanted == module:
                try:
                    os.kill(os.getpid(), getattr(signal, name))
                    time.sleep(1)
                except BaseException:
                    Path("swallowed").touch()

    sys.modules.pop(module, None)
    sys.meta_path.insert(0, Swallows())  # type: ignore[arg-type]  # it finds nothing: it is only asked


def _stuck(count: str) -> None:
    """One computation of a minute, which says when it begins."""

    def compute(*_: Any) -> None:
        import torch

        large = torch.ones(9000, 9000, dtype=torch.float64)
        Path("stuck").touch()
        large @ large

    _at("on_train_batch_start", count, compute)


def _loss(value: str, count: str) -> None:
    from tlx.modules.supervised import Supervised

    seen, original = {"times": 0}, Supervised.training_step

    def step(self: Supervised, batch: Any, batch_idx: int) -> Any:
        outputs = original(self, batch, batch_idx)
        seen["times"] += 1
        if seen["times"] > int(count):
            outputs["loss"] = outputs["loss"] + float(value)
        return outputs

    Supervised.training_step = step  # type: ignore[method-assign]


def _weight(hook: str, count: str) -> None:
    def poke(trainer: Any, module: Any) -> None:
        next(module.net.head.parameters()).data.view(-1)[0] = float("nan")

    _at(hook, count, poke)


def _memory(count: str) -> None:
    def take(*_: Any) -> None:
        import torch

        torch.empty(2**46, dtype=torch.uint8)

    _at("on_train_batch_start", count, take)


def _file_size(hook: str, count: str, size: str) -> None:
    """From a moment on no file grows beyond a size, as on a full disk."""
    _at(hook, count, lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), -1)))


def _page_size(size: str) -> None:
    """No file grows beyond a size once the page is written."""
    from tlx import conclusion

    original = conclusion.write_page

    def write(folder: Path) -> Any:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), -1))
        return original(folder)

    conclusion.write_page = write


def _full(name: str) -> None:
    """A file of the run lies on a device that is full."""

    def replace(trainer: Any, module: Any) -> None:
        path = Path(trainer.default_root_dir) / name
        path.unlink(missing_ok=True)
        path.symlink_to("/dev/full")

    _at("on_validation_start", "1", replace)


def _begin(number: str) -> None:
    """The state of a run cannot be flushed to the disk, nor what comes before it."""
    flush = os.fsync

    def fail(descriptor: int) -> None:
        if Path(os.readlink(f"/proc/self/fd/{descriptor}")).parent.name == "one":
            raise OSError(int(number), os.strerror(int(number)))
        flush(descriptor)

    os.fsync = fail


def _little_room(free: str) -> None:
    """The disk has so many bytes left."""
    import shutil
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    shutil.disk_usage = lambda path: usage(10**12, 10**12, int(free))  # type: ignore[assignment]


def _held_to_modes() -> None:
    """Root may not write where the mode of a folder forbids it, as anybody else."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    override = 1 << 1  # CAP_DAC_OVERRIDE
    if libc.capget(header, sets) == 0 and sets[0] & override:
        sets[0] &= ~override
        if libc.capset(header, sets) != 0:
            raise OSError(ctypes.get_errno(), "capset")


def _gone() -> None:
    """The run's folder is taken away."""

    def take(trainer: Any, module: Any) -> None:
        home = Path(trainer.default_root_dir)
        home.rename(home.with_name("elsewhere"))
        home.mkdir()

    _at("on_validation_start", "1", take)


FAULTS: dict[str, Callable[..., None]] = {
    "signal": _signal,
    "loading": _loading,
    "stuck": _stuck,
    "loss": _loss,
    "weight": _weight,
    "memory": _memory,
    "file_size": _file_size,
    "page_size": _page_size,
    "full": _full,
    "begin": _begin,
    "little_room": _little_room,
    "held_to_modes": _held_to_modes,
    "gone": _gone,
}
