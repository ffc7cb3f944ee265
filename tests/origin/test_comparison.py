from pathlib import Path

import pytest
import torch

from tests.origin.known import known_job, moved, origin_on
from tests.regularizers.steps import step_of
from tlx.errors import ConfigError
from tlx.origin.comparison import RATIO, SAMPLES, Comparison


def test_of_the_source_both_are_asked_about_the_same_samples(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path)
    network.eval()  # a step in training would move running statistics
    compared = Comparison("lwf", "auto", samples=10, ratio=0.5)
    compared.begin(origin)
    compared.settle()
    assert not compared.reads_original
    found = compared.answers(step_of(network))
    assert found is not None
    assert found.now.shape == found.before.shape == (3, 3)  # half of a batch of six, three classes
    torch.testing.assert_close(found.now.detach(), found.before)
    moved(network)
    later = compared.answers(step_of(network))
    assert later is not None
    assert torch.equal(later.before, found.before)
    assert not torch.equal(later.now, found.now)


def test_other_batches_ask_about_other_samples(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path)
    compared = Comparison("lwf", "source", samples=30, ratio=1.0)
    compared.begin(origin)
    compared.settle()
    seen = []
    for batch in range(2):
        origin.position = lambda batch=batch: batch  # type: ignore[misc]  # mypy cannot infer the default
        found = compared.answers(step_of(network))
        assert found is not None
        seen.append(found.before)
    assert not torch.equal(*seen)


@pytest.mark.parametrize(("inputs", "knows"), [("target", 40), ("auto", 0)])
def test_of_the_target_the_steps_own_pass_is_taken(inputs: str, knows: int, tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path, known_job(knows))
    compared = Comparison("kl", inputs, SAMPLES, RATIO)
    compared.begin(origin)
    compared.settle()
    assert compared.reads_original
    step = step_of(network)
    found = compared.answers(step)
    assert found is not None and found.now is step.original
    assert not found.before.requires_grad


def test_what_is_begun_again_asks_the_original_network_of_the_other_run(tmp_path: Path) -> None:
    compared = Comparison("lwf", "auto", samples=10, ratio=1.0)
    found = []
    for shift in (0.0, 0.5):
        job = known_job()
        with torch.no_grad():
            for weight in job.backbone.parameters():
                weight += shift
        origin, network = origin_on(tmp_path, job)
        compared.begin(origin)
        compared.settle()
        answers = compared.answers(step_of(network))
        assert answers is not None
        found.append(answers.before)
    assert not torch.equal(*found)


@pytest.mark.parametrize(("samples", "ratio", "said"), [(7, RATIO, "samples=7"), (SAMPLES, 3.0, "ratio=3")])
def test_settings_of_source_samples_are_refused_or_said_where_none_is_asked(
    samples: int, ratio: float, said: str, tmp_path: Path
) -> None:
    with pytest.raises(
        ConfigError, match=f"inputs=target .* regularizer.lwf.{said} is about them"
    ) as refused:
        Comparison("lwf", "target", samples, ratio)
    assert refused.value.fix == f"regularizer.lwf.inputs=source, or leave out regularizer.lwf.{said}"
    compared = Comparison("lwf", "auto", samples, ratio)
    (line,) = compared.said(origin_on(tmp_path / "none", known_job(knows=0))[0])
    assert line.startswith(f"regularizer.lwf.{said} is not read: there is no source")
    assert compared.said(origin_on(tmp_path / "source")[0]) == []
    assert Comparison("lwf", "auto", SAMPLES, RATIO).said(origin_on(tmp_path, known_job(knows=0))[0]) == []
