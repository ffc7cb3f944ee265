import inspect
import signal
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector

from tests.faults.processes import run_ranks
from tlx.assembly import describe_plan
from tlx.composition.compose import compose
from tlx.composition.groups import choices
from tlx.composition.job import make_job
from tlx.errors import ConfigError
from tlx.trainer import TrainerSettings, World


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"accelerator": "tpu"}, "trainer.accelerator 'tpu'"),
        ({"precision": "bf16"}, "Try: bf16-mixed"),
        ({"devices": 0}, "trainer.devices=0"),
        ({"devices": "all"}, "trainer.devices='all'"),
        ({"num_nodes": 0}, "trainer.num_nodes=0"),
        ({"accumulate_grad_batches": 0}, "accumulate_grad_batches=0"),
        ({"limit_epochs": 0}, "limit_epochs=0"),
        ({"gradient_clip_val": 0.0}, "gradient_clip_val=0.0"),
        ({"rank_timeout": 0.0}, "trainer.rank_timeout=0.0"),
        ({"rank_timeout": float("inf")}, "trainer.rank_timeout=inf"),
    ],
)
def test_settings_out_of_range_are_refused(setting: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainerSettings(**setting)  # type: ignore[arg-type]


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a GPU")
def test_a_gpu_that_is_not_there_is_refused_with_a_way_out() -> None:
    with pytest.raises(ConfigError, match="here are 0.*Try: trainer=cpu"):
        TrainerSettings(accelerator="gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a GPU")
def test_half_precision_is_refused_where_only_bfloat16_works() -> None:
    with pytest.raises(ConfigError, match="needs a CUDA GPU. Try: trainer.precision=bf16-mixed"):
        TrainerSettings(precision="16-mixed")


@pytest.mark.parametrize("strategy", choices("strategy"))
def test_smoke_is_one_short_epoch_of_every_phase(strategy: str) -> None:
    words = ["model.weights=null", "trainer=smoke", f"strategy={strategy}", "data.per_class=5"]
    job = make_job(compose("fit", words).config)
    plan, _ = describe_plan(job)
    assert {phase["epochs"] for phase in plan["phases"]} == {1}
    assert (job.trainer.limit_train_batches, job.trainer.limit_val_batches) == (2, 2)


def test_processes_are_counted_over_all_machines() -> None:
    assert TrainerSettings(accelerator="cpu", devices=2, num_nodes=3).processes == 6
    assert World(size=1).gather("x") == ["x"]


def ask_around(folder: Path) -> None:
    """The second machine has one thing more to settle than the first."""
    world = World.from_environment()
    for _ in range(2):  # as the command does, and then the fit
        world.join("gloo", 60.0)
    heard = [world.from_leader(world.rank) for _ in range(1 + world.rank // 2)]
    (folder / str(world.rank)).write_text(repr((heard, world.gather_here(world.rank), world.gather(0))))


@pytest.mark.slow
def test_the_ranks_of_a_machine_settle_things_without_the_others(tmp_path: Path) -> None:
    assert run_ranks(ask_around, tmp_path, ranks=4, machines=2) == [0] * 4
    first, second = ([0], [0, 1], [0] * 4), ([2, 2], [2, 3], [0] * 4)
    assert [(tmp_path / str(n)).read_text() for n in range(4)] == [repr(first)] * 2 + [repr(second)] * 2


def test_cpu_means_cpu_and_gloo() -> None:
    settings = TrainerSettings(accelerator="cpu")
    assert (settings.on_gpu, settings.backend, settings.device(World()).type) == (False, "gloo", "cpu")


def test_lightning_hears_no_signal_and_asks_no_rank_at_each_step(tmp_path: Path) -> None:
    """The names that are replaced are those that Lightning calls."""
    assert callable(_SignalConnector.register_signal_handlers)
    assert "register_signal_handlers()" in inspect.getsource(Trainer._run)
    assert "_broadcast_sigterm_tensor()" in inspect.getsource(_TrainingEpochLoop.advance)
    before = signal.getsignal(signal.SIGTERM)
    trainer = TrainerSettings(accelerator="cpu").make(1, [], tmp_path)
    trainer._signal_connector.register_signal_handlers()
    assert signal.getsignal(signal.SIGTERM) == before
    trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor()
    assert not trainer.received_sigterm


def test_evaluation_runs_under_the_precision_of_training() -> None:
    layer = torch.nn.Linear(2, 2)
    for precision, dtype in (("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)):
        with TrainerSettings(accelerator="cpu", precision=precision).precision_context():
            assert layer(torch.ones(1, 2)).dtype == dtype


def test_a_process_alone_is_the_first_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    world = World.from_environment()
    assert (world, world.is_first, world.agree("x")) == (World(0, 0, 1), True, "x")
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert not World.from_environment().is_first
