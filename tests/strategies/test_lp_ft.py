from pathlib import Path

import torch

from tests.faults.jobs import small_job
from tests.quiet import fit_quietly
from tlx.assembly import build_network
from tlx.checkpoint.durable import checkpoints, read
from tlx.plan import HEAD
from tlx.strategies.lp_ft import lp_ft


def test_the_head_trains_alone_and_then_everything_at_one_rate() -> None:
    plan = lp_ft(["a", "b"], head_epochs=3, head_rate=1e-2, epochs=4, rate=1e-4, patience=2)
    probe, everything = plan.phases
    assert (probe.trains, probe.epochs, probe.patience) == ({HEAD: 1e-2}, 3, None)
    assert everything.trains == {"a": 1e-4, "b": 1e-4, HEAD: 1e-4}
    assert (everything.epochs, everything.patience, everything.warmup) == (4, 2, 0.1)
    assert [plan.frontier([]), plan.frontier([None])] == [2, 0]  # type: ignore[list-item]


def test_the_second_phase_begins_with_the_logits_that_the_first_ended_with(tmp_path: Path) -> None:
    """A run that stops after the probe holds what a run of both phases goes on from."""

    def ending(stages: tuple[str, ...]):  # type: ignore[no-untyped-def]
        return lp_ft(stages, head_epochs=2, epochs=1, rate=1e-30)

    def probing(stages: tuple[str, ...]):  # type: ignore[no-untyped-def]
        plan = ending(stages)
        return type(plan)(plan.stages, plan.phases[:1])

    images = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    logits, features = [], []
    for name, strategy in (("probe", probing), ("both", ending)):
        job = small_job(strategy=strategy)
        job.norms = "statistics"
        fit_quietly(job, tmp_path / name)
        network = build_network(small_job())
        state = read(checkpoints(tmp_path / name / "checkpoints")[-1])["state_dict"]
        network.load_state_dict({k.removeprefix("net."): v for k, v in state.items() if k.startswith("net.")})
        network.eval()
        with torch.no_grad():
            features.append(network.backbone(images))
            logits.append(network(images))
    assert torch.equal(features[0], features[1])
    torch.testing.assert_close(logits[0], logits[1], rtol=0, atol=1e-5)
    untrained = build_network(small_job()).eval()
    assert (untrained(images) - logits[0]).abs().max() > 1e-3
