"""Where and how a run trains: plain settings, and the Lightning Trainer they make."""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.strategies import DDPStrategy

from tlx.checkpoint.durable import DurableCheckpointIO
from tlx.errors import ConfigError, bad_value, unknown_name
from tlx.process.allocator import keep_freed_memory

__all__ = ["TrainerSettings", "World"]

ACCELERATORS = ("auto", "cpu", "gpu")
MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
LONGEST = 1e9
PRECISIONS = {"32-true": None, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
_MACHINES: dict[range, Any] = {}
"""The process group of the ranks of this machine, made once where there are others."""


@dataclass(frozen=True)
class World:
    """This process among those that train together, read from what the launcher set."""

    rank: int = 0
    local_rank: int = 0
    size: int = 1
    local_size: int = 1

    @classmethod
    def from_environment(cls) -> "World":
        """One process alone where no launcher spoke."""
        read = os.environ.get
        names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
        return cls(*(int(read(name, default)) for name, default in zip(names, "0011", strict=True)))

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    @property
    def is_leader(self) -> bool:
        """Whether this process is the first of its machine."""
        return self.local_rank == 0

    def join(self, backend: str, timeout: float) -> None:
        """Make the process groups, each rank on a device of its own; a no-op alone or when they exist.

        Args:
            backend: What ranks talk through.
            timeout: Seconds after which a rank that does not answer is an error, > 0.
        """
        if self.size > 1 and not torch.distributed.is_initialized():
            if backend == "nccl":
                torch.cuda.set_device(self.local_rank)  # else NCCL sends every rank's objects to device 0
            torch.distributed.init_process_group(backend, timeout=timedelta(seconds=timeout))
        if self.size > self.local_size and self._machine not in _MACHINES:
            _MACHINES[self._machine] = torch.distributed.new_group(
                list(self._machine), timedelta(seconds=timeout), "gloo", use_local_synchronization=True
            )

    def agree(self, value: Any) -> Any:
        """The first rank's value, on every rank. Waits for all."""
        if self.size == 1:
            return value
        box = [value]
        torch.distributed.broadcast_object_list(box, src=0)
        return box[0]

    def from_leader(self, value: Any) -> Any:
        """The value of the first rank of this machine, on every rank of it. Waits for these alone."""
        return self.gather_here(value)[0]

    def gather_here(self, value: Any) -> list[Any]:
        """The value of every rank of this machine, on every rank of it. Waits for these alone.

        What a machine keeps by itself is settled by this: another one may have more to do, or less.
        """
        if self.size == self.local_size:
            return self.gather(value)
        values: list[Any] = [None] * self.local_size
        torch.distributed.all_gather_object(values, value, _MACHINES[self._machine])
        return values

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, on every rank, in the order of ranks. Waits for all."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(values, value)
        return values

    @property
    def _machine(self) -> range:
        """The ranks of this machine."""
        first = self.rank - self.local_rank
        return range(first, first + self.local_size)


@dataclass(frozen=True)
class TrainerSettings:
    """Settings of `conf/trainer`.

    Args:
        accelerator: `auto` (a GPU where there is one), `cpu` or `gpu`.
        devices: Processes that train together on a machine, each on a device of its own, >= 1.
        num_nodes: Machines that train together, >= 1; torch's launcher starts tlx on each of them.
        precision: `32-true`, `bf16-mixed` or `16-mixed`.
        memory_format: How pictures and their weights lie in memory: `contiguous`, or `channels_last`,
            which convolutions are faster with.
        accumulate_grad_batches: Batches per optimizer step, >= 1.
        gradient_clip_val: Greatest norm of the gradient; None: no clipping.
        checkpoint_seconds: Save at the latest after so many seconds, > 0.
        checkpoint_steps: Save every so many optimizer steps as well; None: not by steps.
        rank_timeout: Seconds after which a rank that does not answer ends the run, > 0.
        deterministic: Ask torch for algorithms that repeat to the bit.
        limit_train_batches: Batches of a training epoch at most; None: all.
        limit_val_batches: Batches of a validation at most; None: all.
        limit_epochs: Epochs of a phase at most; None: what the strategy says.

    Raises:
        ConfigError: A value out of its range, or a GPU asked for where there is none.
    """

    accelerator: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    precision: str = "32-true"
    memory_format: str = "contiguous"
    accumulate_grad_batches: int = 1
    gradient_clip_val: float | None = None
    checkpoint_seconds: float = 60.0
    checkpoint_steps: int | None = None
    rank_timeout: float = 1800.0
    deterministic: bool = True
    limit_train_batches: int | None = None
    limit_val_batches: int | None = None
    limit_epochs: int | None = None

    def __post_init__(self) -> None:
        for name, known in (
            ("accelerator", ACCELERATORS),
            ("precision", PRECISIONS),
            ("memory_format", MEMORY_FORMATS),
        ):
            if getattr(self, name) not in known:
                raise unknown_name(f"trainer.{name}", getattr(self, name), known)
        self._check_numbers()
        if self.accelerator == "gpu" and torch.cuda.device_count() < self.devices:
            raise ConfigError(
                f"trainer.accelerator=gpu asks for {self.devices} CUDA devices, "
                f"here are {torch.cuda.device_count()}",
                fix="trainer=cpu",
            )
        if self.precision == "16-mixed" and not self.on_gpu:
            raise ConfigError(
                "trainer.precision=16-mixed needs a CUDA GPU", fix="trainer.precision=bf16-mixed, or 32-true"
            )

    def _check_numbers(self) -> None:
        for name in ("devices", "num_nodes", "accumulate_grad_batches"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise bad_value(f"trainer.{name}", getattr(self, name), "a whole number >= 1")
        for name in ("limit_train_batches", "limit_val_batches", "limit_epochs"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise bad_value(f"trainer.{name}", getattr(self, name), "a whole number >= 1, or null")
        if self.gradient_clip_val is not None and not self.gradient_clip_val > 0:
            raise bad_value("trainer.gradient_clip_val", self.gradient_clip_val, "a number > 0, or null")
        if not 0 < self.rank_timeout < LONGEST:
            raise bad_value("trainer.rank_timeout", self.rank_timeout, f"seconds > 0 and below {LONGEST:.0e}")

    @property
    def processes(self) -> int:
        """How many train together, over all machines."""
        return self.devices * self.num_nodes

    @property
    def on_gpu(self) -> bool:
        """Whether the run computes on CUDA devices."""
        return self.accelerator == "gpu" or (
            self.accelerator == "auto" and torch.cuda.device_count() >= self.devices
        )

    @property
    def backend(self) -> str:
        """What ranks talk through."""
        return "nccl" if self.on_gpu else "gloo"

    @property
    def torch_memory_format(self) -> torch.memory_format:
        """How pictures and weights lie in memory."""
        return MEMORY_FORMATS[self.memory_format]

    def device(self, world: World) -> torch.device:
        """Where this process computes."""
        return torch.device("cuda", world.local_rank) if self.on_gpu else torch.device("cpu")

    def precision_context(self) -> AbstractContextManager[Any]:
        """The same autocast that training runs under, for evaluation."""
        dtype = PRECISIONS[self.precision]
        return nullcontext() if dtype is None else torch.autocast("cuda" if self.on_gpu else "cpu", dtype)

    def prepare_process(self) -> None:
        """Set what holds for the whole process, for what is computed before there is a Trainer too.

        Torch is asked for what `deterministic` says, but not to fill with nan the memory that every
        operation is about to write, which is for finding reads of what nobody wrote and took 3 % of
        training. On the processor freed memory is kept, see `tlx.process.allocator`.
        """
        torch.use_deterministic_algorithms(self.deterministic)
        # torch puts an object with this property in the place of its module, which mypy does not see
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        if self.deterministic:
            os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # read when CUDA is used first
        if not self.on_gpu:
            keep_freed_memory()

    def make(self, max_epochs: int, callbacks: list[Callback], folder: Path) -> Trainer:
        """A Lightning Trainer for one phase.

        Args:
            max_epochs: Bound of the whole run, not of the phase.
            callbacks: In the order their hooks shall run.
            folder: The run directory.
        """
        ddp = DDPStrategy(process_group_backend=self.backend) if self.processes > 1 else "auto"
        launched = [TorchElasticEnvironment()] if TorchElasticEnvironment.detect() else []
        trainer = Trainer(
            accelerator="cuda" if self.on_gpu else "cpu",
            devices=self.devices,
            num_nodes=self.num_nodes,
            strategy=ddp,
            precision=self.precision,  # type: ignore[arg-type]  # checked against PRECISIONS
            max_epochs=max_epochs,
            callbacks=callbacks,
            plugins=[DurableCheckpointIO(), *launched],
            accumulate_grad_batches=self.accumulate_grad_batches,
            gradient_clip_val=self.gradient_clip_val,
            deterministic=self.deterministic,
            limit_train_batches=1.0 if self.limit_train_batches is None else self.limit_train_batches,
            limit_val_batches=1.0 if self.limit_val_batches is None else self.limit_val_batches,
            default_root_dir=folder,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        _leave_signals_alone(trainer)
        return trainer


def _leave_signals_alone(trainer: Trainer) -> None:
    """Lightning hears SIGTERM by a collective inside a handler, and asks every rank at every step.

    The first can hang, the second waits for the device; `tlx.process.signals` and the saver do both.
    """
    trainer._signal_connector.register_signal_handlers = _nothing  # type: ignore[method-assign]
    trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = _nothing  # type: ignore[method-assign]


def _nothing() -> None:
    pass
