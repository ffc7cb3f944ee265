"""A run's origin on made-up data, before anything trains."""

from pathlib import Path

import torch
from torch import nn

from tests.faults.jobs import known_backbone, made_up_source, small_job
from tlx.assembly import build_network, plan_of
from tlx.backbones.known_heads import KnownHead
from tlx.job import Job
from tlx.modules.network import Network
from tlx.origin.origin import Origin
from tlx.strategies.full import full

SOURCE = 40
GROUPS = (("left", "right"), ("top", "never"))
RECIPE = {"_target_": "tlx.heads.linear.Linear"}


def known_job(knows: int = SOURCE, strategy: object = full) -> Job:
    job = small_job(strategy=strategy, knows=knows or 1, augment="none")
    if not knows:
        job.source = None
    job.data.preprocessing = job.backbone.preprocessing
    return job


def job_with_heads(continues: bool = False, several: tuple[tuple[str, ...], ...] = GROUPS) -> Job:
    job = known_job()
    groups = (("left", "right", "top"),) if continues else several
    torch.manual_seed(3)
    heads = [nn.Linear(8, len(names)) for names in groups]
    job.backbone.know([KnownHead(RECIPE, names) for names in groups], heads)
    job.continues = continues
    return job


def origin_on(
    folder: Path, job: Job | None = None, trains: tuple[str, ...] = ("block1", "head")
) -> tuple[Origin, Network]:
    """The origin of a job, and its network as it trains in a phase."""
    job = job or known_job()
    network = build_network(job)
    origin = Origin(network, plan_of(job), job.data, job.source, folder, job.seed)
    network.freeze_except(trains)
    network.train()
    return origin, network


def moved(network: Network, by: float = 0.1) -> None:
    """Shift every weight that trains."""
    with torch.no_grad():
        for _, weight in network.trainable():
            weight += by


__all__ = ["SOURCE", "job_with_heads", "known_backbone", "known_job", "made_up_source", "moved", "origin_on"]
