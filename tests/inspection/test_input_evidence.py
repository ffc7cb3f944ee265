from contextlib import nullcontext

import numpy as np
import torch

from tests.inspection.colour_network import MEAN, STD, pictures, trained
from tlx.inspection.input_evidence import HeadEvidence, NormEvidence, evidence_of


def given(norm: bool = True) -> torch.Tensor:
    values, _ = pictures(40, 3)
    scaled = (values - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return torch.from_numpy(scaled).permute(0, 3, 1, 2).contiguous()


def test_a_norm_that_remembers_is_asked_before_a_head() -> None:
    assert isinstance(evidence_of(trained(True), given(), nullcontext, True, False), NormEvidence)
    assert isinstance(evidence_of(trained(False), given(), nullcontext, True, False), HeadEvidence)


def test_a_network_without_either_gives_no_evidence_nor_does_a_head_where_no_part_counts() -> None:
    assert evidence_of(trained(False, head=False), given(), nullcontext, True, False) is None
    assert evidence_of(trained(False), given(), nullcontext, True, True) is None


def test_a_norm_that_was_never_trained_remembers_nothing() -> None:
    backbone = trained(True)
    norm = backbone.net.low[1]
    kept = norm.running_mean.clone(), norm.running_var.clone()
    norm.reset_running_stats()
    try:
        assert isinstance(evidence_of(backbone, given(), nullcontext, True, False), HeadEvidence)
    finally:
        norm.running_mean.copy_(kept[0])
        norm.running_var.copy_(kept[1])


def test_what_is_worse_is_a_loss() -> None:
    evidence = evidence_of(trained(True), given(), nullcontext, True, False)
    assert evidence is not None
    verdict = evidence.judge(4 * given(), turned=False)
    assert not verdict.clear
    assert verdict.p > 0.99
    assert verdict.p_loss < 1e-6
