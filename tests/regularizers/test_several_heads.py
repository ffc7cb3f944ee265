"""What every regularizer makes of heads of several runs, and of a head that goes on."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from tests.origin.known import job_with_heads, known_job, moved
from tests.regularizers.steps import started, step_of
from tlx.assembly import build_network, plan_of
from tlx.checkpoint.durable import write_durably
from tlx.data.concatenated import Concatenated
from tlx.errors import ConfigError
from tlx.functional.consolidation import Pull, both_pulls
from tlx.functional.distillation import distillation, divergence
from tlx.job import Job
from tlx.modules.network import Network
from tlx.origin.origin import Origin
from tlx.regularizers.ewc import ANCHOR, EWC
from tlx.regularizers.kl import KL
from tlx.regularizers.lwf import LwF
from tlx.regularizers.replay import Replay


def origin_with(
    folder: Path, job: Job, earlier: Path | None = None, trains: tuple[str, ...] = ("block1", "head")
) -> tuple[Origin, Network]:
    network = build_network(job) if not job.continues else _continued(job)
    origin = Origin(network, plan_of(job), job.data, job.source, folder, job.seed, earlier=earlier)
    network.freeze_except(trains)
    network.train()
    return origin, network


def _continued(job: Job) -> Network:
    head = nn.Linear(8, 3)
    head.load_state_dict(job.backbone.original_head.newest.state_dict())  # type: ignore[union-attr]
    return Network(job.backbone, head, continues=True)


def naive_information(origin: Origin, group: range) -> dict[str, Tensor]:
    """The exact information by one backward pass for each sample and class of a group."""
    names = {origin.original_name(name): name for name, _, _ in origin.pairs}
    weights = dict(origin.network.named_parameters())
    found = {name: torch.zeros_like(weights[own]) for own, name in names.items()}
    count = 0
    for weight in weights.values():
        weight.requires_grad_(True)
    for batch in origin.batches(None):
        for sample, target in zip(batch.inputs, batch.targets.tolist(), strict=True):
            if target not in group:
                continue
            count += 1
            logits = origin.network(sample[None])[0, group.start : group.stop]
            logs = logits.log_softmax(0)
            for place in range(len(group)):
                grads = torch.autograd.grad(
                    logs[place], [weights[own] for own in names], retain_graph=True, allow_unused=True
                )
                for name, grad in zip(names.values(), grads, strict=True):
                    found[name] += 0 if grad is None else logs[place].exp().detach() * grad**2
    origin.network.requires_grad_(False)
    return {name: total / count for name, total in found.items()}


@pytest.mark.parametrize("kind", [LwF, KL])
def test_heads_are_compared_one_by_one(kind: type, tmp_path: Path) -> None:
    origin, network = origin_with(tmp_path, job_with_heads())
    term = kind(samples=10)
    term.begin(origin)
    started(term)
    moved(network)
    step = step_of(network)
    ids = origin.draw(term.comparison._recall, 1.0, step)
    inputs = term.comparison._recall.take(ids, torch.device("cpu"))
    now, before = origin.answer(inputs), origin.network(inputs)
    pairs = [(now[:, part], before[:, part]) for part in (slice(0, 2), slice(2, 4))]
    if kind is LwF:
        wanted = sum(distillation(one, other, 2.0) for one, other in pairs)
    else:
        wanted = sum(divergence(one, other) for one, other in pairs)
    assert wanted > 0
    assert torch.allclose(term.loss_term(network, step), torch.as_tensor(wanted))


def test_a_replayed_sample_is_told_apart_within_its_own_head(tmp_path: Path) -> None:
    origin, network = origin_with(tmp_path, job_with_heads())
    term = Replay(samples=12)
    term.begin(origin)
    moved(network)
    step = step_of(network)
    ids = origin.draw(term._buffer, 1.0, step)
    logits, targets = origin.answer(term._buffer.take(ids, torch.device("cpu"))), term._buffer.targets[ids]
    losses = []
    for row, target in zip(logits, targets.tolist(), strict=True):
        start = 0 if target < 2 else 2
        losses.append(functional.cross_entropy(row[None, start : start + 2], torch.tensor([target - start])))
    assert torch.allclose(term.loss_term(network, step), torch.stack(losses).mean())


def test_the_information_is_a_sum_over_heads_each_of_its_own_samples(tmp_path: Path) -> None:
    origin, _ = origin_with(tmp_path, job_with_heads())
    EWC(samples=None).begin(origin)
    held = load_file(tmp_path / "ewc.safetensors")
    parts = [naive_information(origin, group) for group in origin.groups]
    for name, _, before in origin.pairs:
        assert torch.allclose(held[name], parts[0][name] + parts[1][name], rtol=1e-4, atol=1e-8), name
        assert torch.equal(held[ANCHOR + name], before)


def test_of_several_tasks_only_the_newest_is_measured(tmp_path: Path) -> None:
    first, _ = origin_with(tmp_path / "first", job_with_heads())
    EWC(samples=None).begin(first)
    known = load_file(tmp_path / "first" / "ewc.safetensors")
    job = job_with_heads()
    with torch.no_grad():
        for weight in job.backbone.net.parameters():
            weight += 0.1
    origin, _ = origin_with(tmp_path / "second", job, earlier=tmp_path / "first")
    EWC(samples=None).begin(origin)
    held = load_file(tmp_path / "second" / "ewc.safetensors")
    newest = naive_information(origin, origin.groups[-1])
    for name, _, before in origin.pairs:
        pull = both_pulls(Pull(known[name], known[ANCHOR + name]), Pull(newest[name], before.detach()))
        assert torch.allclose(held[name], pull.importance, rtol=1e-4, atol=1e-8), name
        assert torch.allclose(held[ANCHOR + name], pull.anchor, rtol=1e-4, atol=1e-6), name


@pytest.mark.parametrize("tasks", ["separate", "online"])
def test_weights_that_the_run_before_left_frozen_are_measured_on_all_tasks(
    tmp_path: Path, tasks: str
) -> None:
    settings = {"samples": None, "tasks": tasks, "decay": 0.5 if tasks == "online" else 1.0}
    first, _ = origin_with(tmp_path / "first", job_with_heads())
    EWC(**settings).begin(first)  # type: ignore[arg-type]  # of mixed types
    path = tmp_path / "first" / "ewc.safetensors"
    known = {name: value for name, value in load_file(path).items() if "block1.conv" not in name}
    write_durably(path, lambda to: save_file(known, to), sidecar=True)
    origin, _ = origin_with(tmp_path / "second", job_with_heads(), earlier=tmp_path / "first")
    EWC(**settings).begin(origin)  # type: ignore[arg-type]  # of mixed types
    held = load_file(tmp_path / "second" / "ewc.safetensors")
    older, newest = (naive_information(origin, group) for group in origin.groups)
    resting = [name for name, _, _ in origin.pairs if "block1.conv" in name]
    assert resting and len(resting) < len(origin.pairs)
    fades = settings["decay"]
    for name, _, before in origin.pairs:
        expected = fades * (older[name] if name in resting else known[name]) + newest[name]
        assert torch.allclose(held[name], expected, rtol=1e-4, atol=1e-8), name
        if tasks == "separate" and name in resting:
            assert torch.equal(held[ANCHOR + name], before)


def test_online_each_further_task_fades_what_is_measured_late_of_the_oldest(tmp_path: Path) -> None:
    settings = {"samples": None, "tasks": "online", "decay": 0.5}
    three = (("left", "a"), ("right", "b"), ("top", "c"))
    first, _ = origin_with(tmp_path / "first", job_with_heads(several=three))
    EWC(**settings).begin(first)  # type: ignore[arg-type]  # of mixed types
    path = tmp_path / "first" / "ewc.safetensors"
    known = {name: value for name, value in load_file(path).items() if "block1.conv" not in name}
    write_durably(path, lambda to: save_file(known, to), sidecar=True)
    origin, _ = origin_with(tmp_path / "second", job_with_heads(several=three), earlier=tmp_path / "first")
    EWC(**settings).begin(origin)  # type: ignore[arg-type]  # of mixed types
    held = load_file(tmp_path / "second" / "ewc.safetensors")
    oldest, older, newest = (naive_information(origin, group) for group in origin.groups)
    resting = [name for name, _, _ in origin.pairs if "block1.conv" in name]
    assert resting and all(float(oldest[name].max()) > 0 for name in resting)
    for name in resting:
        expected = 0.25 * oldest[name] + 0.5 * older[name] + newest[name]
        assert torch.allclose(held[name], expected, rtol=1e-4, atol=1e-8), name


def test_online_the_information_fades_and_the_last_weights_are_held_on_to(tmp_path: Path) -> None:
    settings = {"samples": None, "tasks": "online", "decay": 0.5}
    first, _ = origin_with(tmp_path / "first", job_with_heads())
    EWC(**settings).begin(first)  # type: ignore[arg-type]  # of mixed types
    known = load_file(tmp_path / "first" / "ewc.safetensors")
    origin, network = origin_with(tmp_path / "second", job_with_heads(), earlier=tmp_path / "first")
    term = EWC(**settings)  # type: ignore[arg-type]  # of mixed types
    term.begin(origin)
    held = load_file(tmp_path / "second" / "ewc.safetensors")
    newest = naive_information(origin, origin.groups[-1])
    assert not any(name.startswith(ANCHOR) for name in held)
    for name, _, _ in origin.pairs:
        assert torch.allclose(held[name], 0.5 * known[name] + newest[name], rtol=1e-4, atol=1e-8), name
    started(term)
    assert term.loss_term(network, step_of(network)).item() == 0


def test_a_head_that_goes_on_is_held_on_to_as_well(tmp_path: Path) -> None:
    origin, network = origin_with(tmp_path, job_with_heads(continues=True), trains=("head",))
    assert {name for name, _, _ in origin.pairs} >= {"head.weight", "head.bias"}
    assert origin.moves
    term = EWC(strength=2.0, samples=None)
    term.begin(origin)
    started(term)
    moved(network, 0.5)
    information = naive_information(origin, origin.groups[-1])
    wanted = 0.25 * (information["head.weight"].sum() + information["head.bias"].sum())
    assert torch.allclose(term.loss_term(network, step_of(network)), wanted, rtol=1e-4)


def handing_on(folder: Path, tasks: str) -> Path:
    """What a run with two heads left, which held on to them in one of the ways."""
    first, _ = origin_with(folder / "first" / "known", job_with_heads())
    EWC(samples=None, tasks=tasks).begin(first)
    return folder / "first" / "known"


@pytest.mark.parametrize(("before", "now"), [("separate", "online"), ("online", "separate")])
def test_another_mode_than_that_of_the_run_before_is_refused_once(
    before: str, now: str, tmp_path: Path
) -> None:
    earlier = handing_on(tmp_path, before)
    origin, _ = origin_with(tmp_path / "second", job_with_heads(), earlier=earlier)
    EWC(samples=None, tasks=before).check(origin)
    with pytest.raises(ConfigError, match=f"tasks={now}, and .*first.* by tasks={before}") as refused:
        EWC(samples=None, tasks=now).check(origin)
    assert refused.value.fix.startswith(f"regularizer.ewc.tasks={before}, or")
    EWC(samples=None, tasks=now).begin(origin)  # as by an older tlx, which let it pass
    EWC(samples=None, tasks=now).check(origin)  # so that such a run can be resumed


def test_what_a_run_of_one_task_left_is_taken_over_online_or_said_to_be_lost(tmp_path: Path) -> None:
    """It has no places that weights are pulled to: those it started from are not at hand."""
    alone, _ = origin_with(tmp_path / "first" / "known", known_job())
    EWC(samples=None, tasks="separate").begin(alone)
    origin, _ = origin_with(tmp_path / "second", job_with_heads(), earlier=tmp_path / "first" / "known")
    separate, online = EWC(tasks="separate"), EWC(tasks="online")
    for term in (separate, online):
        term.check(origin)
    assert "does not take over what" in separate.said(origin)[0]
    assert "tasks=online takes it over" in separate.said(origin)[0]
    assert "measures the newest task alone" in online.said(origin)[0]
    assert EWC().said(alone) == []


def joined_job(order: list[int]) -> Job:
    """Of a source that is joined of samples of the older head and of those of the newer one."""
    job = job_with_heads()
    assert job.source is not None
    splits = job.source.splits
    older = np.flatnonzero(splits.train.labels < 2)
    newer = np.flatnonzero(splits.train.labels == 2)[:5]
    parts = [splits.train.subset(older), splits.train.subset(newer)]
    job.source.__dict__["splits"] = splits._replace(train=Concatenated([parts[n] for n in order]))
    return job


def test_the_last_source_counts_as_the_newest_task_and_is_named(tmp_path: Path) -> None:
    earlier = handing_on(tmp_path, "separate")
    origin, _ = origin_with(tmp_path / "second", joined_job([0, 1]), earlier=earlier)
    EWC().check(origin)
    [said] = EWC().said(origin)
    assert said.endswith(
        "measures the newest task alone: 5 samples of the last of the 2 sources in source.of"
    )
    other, _ = origin_with(tmp_path / "third", joined_job([1, 0]), earlier=earlier)
    with pytest.raises(
        ConfigError, match=r"the last of the 2 sources .*no sample of its classes, top"
    ) as why:
        EWC().check(other)
    assert "in the order in which the tasks were learned" in why.value.fix
