"""Plain objects in, a finished run out. Start, next phase and resume are one path.

A phase boundary is a planned kill: the phase ends, its checkpoint is written, `Trainer.fit`
returns. The loop takes the newest valid checkpoint, freezes by the plan and calls a new
`Trainer.fit` from it, just as it does after a real kill.
"""

import functools
import logging
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

from lightning.pytorch import Callback
from rich.console import Console

from tlx.arithmetic import settled
from tlx.assembly import build_network, disk_needed, frontier_cache, held_on_to, kept_in, origin_of, plan_of
from tlx.cache.serving import serve
from tlx.checkpoint.agreement import Agreement
from tlx.checkpoint.belonging import check_belongs
from tlx.checkpoint.durable import newest, read, sweep
from tlx.checkpoint.finite import FiniteLoss, check_weights
from tlx.checkpoint.optimizer_state import taking_up
from tlx.checkpoint.position import batches_processed, position_in_order, repaced
from tlx.checkpoint.randomness import StepRandomness, seed_of
from tlx.checkpoint.saver import Saver, Stopped
from tlx.checkpoint.space import check_space
from tlx.checkpoint.weights import load_weights, save_weights
from tlx.conclusion import conclude
from tlx.data.loader import failure_of_a_worker
from tlx.data.warned import noted_warnings
from tlx.data_record import has_trained, hold_data
from tlx.errors import LONGEST, printable
from tlx.forgetting import Place, note_before
from tlx.job import Job, Run
from tlx.modules.averaging import WeightAveraging
from tlx.modules.supervised import Supervised
from tlx.origin.origin import Origin
from tlx.origin.remains import clear_remains
from tlx.plan import HEAD, PhaseEnd
from tlx.plan_table import save_plan, saved_plan
from tlx.process.allocator import give_back_freed_memory
from tlx.process.signals import asked, saving_first, stop
from tlx.report.console import epoch_line
from tlx.report.formats import size
from tlx.report.progress import ProgressDisplay
from tlx.report.recorder import Recorder
from tlx.run.directory import shown
from tlx.strategies.finetuning import Finetuning
from tlx.trainer import World
from tlx.withheld import withheld

__all__ = ["fit", "ledger_of"]


def fit(job: Job, folder: Path, console: Console | None = None) -> dict[str, Any]:
    """Train a job to its end, from wherever its run directory stands.

    Args:
        job: What to train.
        folder: The run directory; checkpoints found there are gone on from.
        console: Where to speak; standard output when omitted.

    Returns:
        The summary, as in summary.json.

    Raises:
        TlxError: What went wrong, with a way out.
        KeyboardInterrupt: A signal asked for the end, and the run is saved.
    """
    _quieten()
    try:
        return _fit(job, folder, console)
    except RuntimeError as error:  # torch raises the death of a loading process wherever Python is
        known = failure_of_a_worker(error)
        if known is None:
            raise
        raise known from error


def _fit(job: Job, folder: Path, console: Console | None) -> dict[str, Any]:
    world = World.from_environment()
    world.join(job.trainer.backend, job.trainer.rank_timeout)
    job.trainer.prepare_process()
    with noted_warnings() as warnings_of_data:
        run = _prepare(job, folder, world, console or Console(soft_wrap=True))
    _log_once(run, warnings_of_data)
    ledger, checkpoint = _ledger(run)
    while not run.plan.done(ledger.ends):
        _run_phase(run, ledger, checkpoint)
        _stop_if_asked(run, len(ledger.ends))
        ledger, checkpoint = _ledger(run)
    summary = conclude(run, ledger)
    if job.logger is not None and world.is_first:
        job.logger(folder).conclude(summary)
    if not job.trainer.on_gpu:
        give_back_freed_memory()  # a question and a sequence make many runs in one process
    return summary


def _log_once(run: Run, lines: Sequence[str]) -> None:
    """Add lines to log.txt that a run which goes on has not written before."""
    log = run.folder / "log.txt"
    held = log.read_text(errors="replace").splitlines() if log.is_file() else []
    for line in dict.fromkeys(withheld(printable(line, LONGEST)) for line in lines):
        if line not in held:
            run.log(line)


def ledger_of(folder: Path) -> tuple[list[PhaseEnd], int]:
    """The phases of a run directory that are over, and the epochs that its open phase has trained."""
    path = newest(folder / "checkpoints")
    if path is None:
        return [], 0
    state = read(path)["callbacks"]["Finetuning"]
    return [PhaseEnd(**end) for end in state["ends"]], len(state["history"])


def _prepare(job: Job, folder: Path, world: World, console: Console) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    job.data.preprocessing = job.backbone.preprocessing
    job.data.rank, job.data.world_size = world.rank, world.size
    network = build_network(job)
    plan = world.agree(saved_plan(folder) if world.is_first else None) or plan_of(job)
    splits = job.data.splits
    module = Supervised(
        network, job.task, splits.train.labels, splits.classes, len(splits.val), job.optimizer, job.mixup
    )
    said = kept_in(job, plan, begins=not world.agree(world.is_first and has_trained(folder)))
    job.trainer = settled(job.trainer, network, job.data, folder, world, said.append)
    cache = frontier_cache(job, network, world)
    origin = origin_of(job, network, plan, folder, world)
    if world.is_first:
        for place in (folder, folder / "bundle", folder / "known"):
            sweep(place)
        for data in filter(None, (job.data, job.source)):
            hold_data(folder, data)
        checkpoints = folder / "checkpoints"
        checkpoints.mkdir(exist_ok=True)
        check_space(checkpoints, disk_needed(job, plan, network, origin), [folder / "known"])
        table = save_plan(folder, plan, network, job.data, cache, job.mixup > 0)
        console.print("\n".join([table, *held_on_to(job, origin)]), highlight=False, markup=False)
    run = Run(job, folder, world, plan, module, console, cache, origin=origin)
    cache.say = run.tell
    for line in said:
        run.tell(line)
    if origin is not None:
        _begin_to_hold_on(run, origin)
    return run


def _begin_to_hold_on(run: Run, origin: Origin) -> None:
    """Take of the network, before it trains, what the run holds on to and is measured against."""
    if origin.shared is not None:
        origin.shared.say = run.tell
    if run.world.is_first and newest(run.checkpoints) is None:
        clear_remains(run.folder, origin.folder)
    run.world.agree(None)
    for regularizer in run.job.regularizers:
        regularizer.begin(origin)
    if run.job.regularizers:
        run.log(f"{size(origin.bytes)} are held beside the network, of what it was")
    if origin.source is not None:
        settings = run.job.trainer
        note_before(origin, Place(run.world, settings.device(run.world), settings.precision_context))


def _ledger(run: Run) -> tuple[Finetuning, Path | None]:
    """The callback that holds the ledger, and the newest checkpoint, whose ledger it is."""
    ledger = Finetuning(
        run.plan,
        run.job.monitor,
        run.job.higher_is_better,
        save_weights=functools.partial(_save_best, run),
        load_weights=lambda name, sha256: load_weights(run.network, run.checkpoints / name, sha256),
        reinitialise=functools.partial(_reinitialise, run),
        pace=_pace(run.job),
    )
    damaged = functools.partial(_say_damaged, run)
    path = run.world.agree(newest(run.checkpoints, damaged) if run.world.is_first else None)
    run.module.take_up = None
    if path is not None:
        content = read(path)
        check_belongs(content, run.module.state_dict(), run.job.data.classes, path)
        repaced(content, ledger.pace)
        ledger.load_state_dict(content["callbacks"][ledger.state_key])
        run.seconds = float(content["callbacks"][Recorder.__name__]["seconds"])
        run.module.load_state_dict(content["state_dict"])  # the frozen part is computed before Lightning does
    else:
        run.module.take_up = taking_up(run.job.remembers, run.job.going_on(run.plan), run.tell)
        if has_trained(run.folder):
            run.tell("there is no checkpoint to go on from; the run begins anew")
        _reinitialise(run, run.plan.phases[0].reinitialise)
    return ledger, path


def _pace(job: Job) -> tuple[int, int]:
    batches, settings = job.data.batches_per_epoch, job.trainer
    return min(settings.limit_train_batches or batches, batches), settings.accumulate_grad_batches


def _run_phase(run: Run, ledger: Finetuning, checkpoint: Path | None) -> None:
    job, phase = run.job, run.plan.phase(ledger.ends)
    run.network.freeze_except(phase.trains, run.plan.norms)
    if run.world.is_first and not ledger.history:
        run.console.print(f"phase {len(ledger.ends) + 1}/{len(run.plan.phases)}: {phase.name}", markup=False)
    recorder = Recorder(
        run.folder / "metrics.csv",
        lambda: len(ledger.ends),
        (*run.plan.stages, HEAD),
        job.task.name,
        tuple(regularizer.name for regularizer in job.regularizers),
        run.tell,
    )
    settings = job.trainer
    agreement = Agreement(run.world.size, settings.rank_timeout)
    finite = FiniteLoss(job.data.splits.train.name, agreement)
    saver = Saver(
        run.checkpoints,
        settings.checkpoint_seconds,
        settings.checkpoint_steps,
        ledger.files_in_use,
        finite.check,
        asked,
        agreement,
    )
    progress = ProgressDisplay(
        run.console,
        lambda: epoch_line(recorder.row, run.plan.max_epochs, phase.name, job.task.name),
        run.log,
    )
    callbacks: list[Callback] = [StepRandomness(job.seed), finite, recorder, ledger, progress, saver]
    callbacks += [cast(Callback, regularizer) for regularizer in job.regularizers]
    if job.ema is not None:
        run.averaging = WeightAveraging(run.network, job.ema, lambda: len(ledger.ends))
        callbacks.insert(1, run.averaging)
    if job.logger is not None:
        callbacks.append(job.logger(run.folder))
    trainer = settings.make(run.plan.max_epochs, callbacks, run.folder)
    run.cache.seconds = 0.0
    serve(run.cache, run.plan, len(ledger.ends), mixes=job.mixup > 0)
    _settle_origin(run)
    recorder.spent = run.cache.seconds
    whole, limit = job.data.batches_per_epoch, job.trainer.limit_train_batches
    job.data.position = lambda: position_in_order(batches_processed(trainer), whole, limit, ledger.anchor)
    if run.origin is not None:
        run.origin.position = lambda: batches_processed(trainer)
    try:
        with saving_first():
            trainer.fit(run.module, datamodule=job.data, ckpt_path=checkpoint)
    except Stopped as saved:
        raise _stopped(run, saved.number, f"step {saved.step}") from None


def _settle_origin(run: Run) -> None:
    """Have the original network read what the run's network reads in this phase."""
    if run.origin is None:
        return
    if not run.origin.settle() and "train" in run.job.data.stored:
        run.tell("the frozen part has been trained before, so the original network reads every sample anew")
        run.job.data.stored = {k: v for k, v in run.job.data.stored.items() if k != "train"}


def _stop_if_asked(run: Run, phase: int) -> None:
    """End after a phase where a signal came too late for a step of it, to any rank."""
    number = max(run.world.gather(asked()))
    if number:
        raise _stopped(run, number, f"phase {phase}")


def _stopped(run: Run, number: int, until: str) -> KeyboardInterrupt:
    return stop(number, f"saved up to {until}. Try: tlx resume {shown(run.folder)}")


def _say_damaged(run: Run, path: Path, what: str) -> None:
    run.tell(f"the checkpoint {path.name} cannot be used ({what}); going on from the one before")


def _reinitialise(run: Run, stages: tuple[str, ...]) -> None:
    run.network.backbone.reinitialise(stages, seed_of(run.job.seed, 3))


def _save_best(run: Run, name: str) -> str:
    with run.averaging.applied() if run.averaging is not None else nullcontext():
        check_weights(run.network, "the best epoch")
        digest = save_weights(run.network, run.checkpoints / name) if run.world.is_first else ""
    agreed: str = run.world.agree(digest)
    return agreed


def _quieten() -> None:
    """Silence what Lightning says about choices that tlx made on purpose."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\.")
