"""Real processes that run a small job and are killed at a chosen moment.

A fork server has imported the stack once, so a process costs its training and little more.
"""

import importlib
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

PRELOAD = ["tlx.training", "tlx.conclusion", "tests.faults.jobs", "matplotlib.pyplot", "sklearn.metrics"]
PRELOAD += ["tlx.api", "tlx.verbs.fit", "PIL.JpegImagePlugin", "tests.faults.settled"]


def run_process(
    folder: Path,
    kill: tuple[Any, ...] | None = None,
    prepare: Callable[[], None] | None = None,
    ranks: int = 1,
    machines: int = 1,
    make: Callable[..., Any] | None = None,
    **job: Any,
) -> list[int]:
    """Fit a small job in processes of its own; return their exit codes (-9: SIGKILL).

    `ranks` are those of all machines together; each machine is told that it is one of several. `make`
    takes the place of `small_job`.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    port = _free_port()
    started = [
        context.Process(target=_work, args=(folder, kill, prepare, (rank, ranks, port, machines), make, job))
        for rank in range(ranks)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
        if process.is_alive():
            process.kill()
            process.join()
    return [process.exitcode or 0 for process in started]


def run_ranks(work: Callable[..., None], *arguments: Any, ranks: int, machines: int = 1) -> list[int]:
    """Call `work` in processes that were told that they train together; return their exit codes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    port = _free_port()
    started = [
        context.Process(target=_together, args=((rank, ranks, port, machines), work, arguments))
        for rank in range(ranks)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
        process.kill()
    return [-1 if process.exitcode is None else process.exitcode for process in started]


def _together(
    place: tuple[int, int, int, int], work: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    _join(*place)
    work(*arguments)


def _work(
    folder: Path,
    kill: tuple[Any, ...] | None,
    prepare: Callable[[], None] | None,
    place: tuple[int, int, int, int],
    make: Callable[..., Any] | None,
    job: dict[str, Any],
) -> None:
    import torch
    from rich.console import Console

    from tests.faults.jobs import small_job
    from tlx.training import fit

    torch.set_num_threads(1)
    _, ranks, _, machines = place
    if ranks > 1:
        _join(*place)
        job = job | {"devices": ranks // machines, "num_nodes": machines}
    if kill is not None:
        _arm(*kill)
    if prepare is not None:
        prepare()
    fit((make or small_job)(**job), folder, Console(quiet=True))


def _join(rank: int, ranks: int, port: int, machines: int = 1) -> None:
    """Set what torchrun sets."""
    machine, of_machine = divmod(rank, ranks // machines)
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(of_machine),
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks // machines),
        "GROUP_RANK": str(machine),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "test",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(moment: str, count: int) -> None:
    """Kill this process at the `count`-th time (from 0) that `moment` comes.

    A moment is a hook of Lightning, a place inside a save, or `before` or `after` a call of a
    function that is written with the module it is called in.
    """
    if moment.partition(" ")[0] in ("before", "after"):
        _arm_call(*moment.split(" "), count)
    elif moment in ("before_sidecar", "between", "after_replace"):
        _arm_save(moment, count)
    else:
        _arm_hook(moment, count)


def _arm_hook(hook: str, count: int) -> None:
    from lightning.pytorch import Callback

    from tlx.trainer import TrainerSettings

    seen = {"times": 0}

    def maybe_die(*_: Any, **__: Any) -> None:
        if seen["times"] == count:
            _die()
        seen["times"] += 1

    killer = type("Killer", (Callback,), {hook.removesuffix("_last"): maybe_die})
    original = TrainerSettings.make

    def make(self: TrainerSettings, epochs: int, callbacks: list[Any], where: Path) -> Any:
        return original(
            self, epochs, [*callbacks, killer()] if hook.endswith("_last") else [killer(), *callbacks], where
        )

    TrainerSettings.make = make  # type: ignore[method-assign]


def _arm_call(when: str, path: str, count: int) -> None:
    owner, name = _owner(path)
    original = getattr(owner, name)
    seen = {"times": 0}

    def watched(*args: Any, **more: Any) -> Any:
        dies = seen["times"] == count
        seen["times"] += 1
        if dies and when == "before":
            _die()
        result = original(*args, **more)
        if dies:
            _die()
        return result

    setattr(owner, name, watched)


def _owner(path: str) -> tuple[Any, str]:
    """The module or class that holds a function, and the function's name."""
    home, _, name = path.rpartition(".")
    try:
        return importlib.import_module(home), name
    except ModuleNotFoundError:
        owner, outer = _owner(home)
        return getattr(owner, outer), name


def _arm_save(moment: str, count: int) -> None:
    from tlx.checkpoint import durable

    seen = {"times": 0}
    replace, sidecar = os.replace, durable._write_sidecar

    def counted(when: str) -> None:
        if when == moment:
            if seen["times"] == count:
                _die()
            seen["times"] += 1

    def watched_sidecar(path: Path, digest: str) -> None:
        counted("before_sidecar")
        sidecar(path, digest)
        counted("between")

    def watched_replace(source: Any, target: Any) -> None:
        replace(source, target)
        if str(target).endswith(durable.SUFFIX):
            counted("after_replace")

    durable._write_sidecar = watched_sidecar
    durable.os.replace = watched_replace  # type: ignore[assignment]
