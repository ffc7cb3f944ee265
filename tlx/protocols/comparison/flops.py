"""Floating-point operations of training, counted."""

from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from tlx.assembly import build_network, plan_of
from tlx.evaluation import to_device
from tlx.job import Job
from tlx.trainer import World

__all__ = ["epoch_flops"]

SAMPLES = 2


def epoch_flops(job: Job) -> list[int]:
    """Operations of one training epoch in each phase of a job's plan, as if nothing frozen were kept.

    Those of products of matrices and of convolutions, forward through all and backward through what
    trains, a product and a sum as two (`torch.utils.flop_counter`); validation is not counted. That a
    frozen part is computed once by tlx shows in seconds, not here: a method costs what it costs anywhere.

    Args:
        job: Its data is read for an example.
    """
    plan, network = plan_of(job), build_network(job)
    job.data.preprocessing = job.backbone.preprocessing
    device = job.trainer.device(World())
    example = to_device(job.data.first(job.data.splits.train, SAMPLES), device)
    network.to(device).train()
    found = []
    for phase in plan.phases:
        network.freeze_except(phase.trains, plan.norms)
        with FlopCounterMode(display=False) as counted:
            answers: Tensor = network(example)
            answers.float().sum().backward()  # type: ignore[no-untyped-call]
        network.zero_grad(set_to_none=True)
        found.append(counted.get_total_flops() * len(job.data.splits.train) // SAMPLES)
    return found
