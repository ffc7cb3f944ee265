import functools
from pathlib import Path
from typing import Any

import pytest
import torch

from tlx.assembly import build_network
from tlx.backbones.known_heads import KnownHeads
from tlx.backbones.tiny import tiny
from tlx.checkpoint.bundle import load_bundle, write_bundle
from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.errors import ConfigError
from tlx.heads.linear import Linear
from tlx.modules.network import Network

HEAD = {"_target_": "tlx.heads.linear.Linear", "dropout": 0.0}
DIGITS = tuple("0123456789")


def finished(folder: Path, classes: tuple[str, ...], network: Network | None = None) -> Path:
    """A run that is over, as far as another one can see."""
    if network is None:
        torch.manual_seed(len(classes))
        network = Network(tiny(None), Linear(tiny(None).out_features, len(classes)))
    write_bundle(folder / "bundle", network.eval(), HEAD, classes, {}, {})
    return folder


def job(*overrides: str) -> Any:
    return make_job(compose("fit", list(overrides)).config)


def test_a_head_that_is_kept_answers_for_its_classes_beside_the_new_one(tmp_path: Path) -> None:
    run = finished(tmp_path / "first", ("ant", "bee"))
    made = job(f"init_from={run}", "init_head=kept")
    network = build_network(made)
    assert made.backbone.original_classes == ("ant", "bee") and not made.continues
    assert made.earlier == run / "known"
    images = torch.randn(3, 1, 32, 32)
    before = load_bundle(run / "bundle").network
    answers = network.eval()(images, original=True)
    assert torch.equal(answers.original, before(images)) and answers.outputs.shape == (3, 10)
    assert not any(weight.requires_grad for weight in made.backbone.original_head.parameters())


def test_heads_of_several_runs_are_kept_side_by_side_and_in_the_bundle(tmp_path: Path) -> None:
    first = finished(tmp_path / "first", ("ant", "bee"))
    second_job = job(f"init_from={first}", "init_head=kept")
    second = finished(tmp_path / "second", DIGITS, build_network(second_job))
    held = load_bundle(second / "bundle").network
    assert isinstance(held.backbone.original_head, KnownHeads)
    made = job(f"init_from={second}", "init_head=kept")
    assert made.backbone.original_groups == (2, 10)
    assert made.backbone.original_classes == ("ant", "bee", *DIGITS)
    images = torch.randn(2, 1, 32, 32)
    wanted = torch.cat([held.original_logits(images), held(images)], 1)
    assert torch.equal(build_network(made).eval().original_logits(images), wanted)


def test_a_head_goes_on_from_its_values_and_is_compared_with_them(tmp_path: Path) -> None:
    run = finished(tmp_path / "first", DIGITS)
    made = job(f"init_from={run}", "init_head=continued")
    network = build_network(made).eval()
    before = load_bundle(run / "bundle").network
    images = torch.randn(2, 1, 32, 32)
    assert torch.equal(network(images), before(images))
    with torch.no_grad():
        network.head.linear.bias += 1  # type: ignore[union-attr,operator]
    answers = network(images, original=True)
    assert torch.equal(answers.original, answers.outputs)
    assert torch.equal(network.backbone.original_logits(images), before(images))


def test_of_a_head_that_went_on_the_newest_state_is_known(tmp_path: Path) -> None:
    first = finished(tmp_path / "first", DIGITS)
    network = build_network(job(f"init_from={first}", "init_head=continued"))
    with torch.no_grad():
        network.head.linear.bias += 1  # type: ignore[union-attr,operator]
    second = finished(tmp_path / "second", DIGITS, network)
    made = job(f"init_from={second}", "init_head=continued")
    assert made.backbone.original_groups == (10,)
    known = made.backbone.original_head
    assert isinstance(known, KnownHeads) and torch.equal(
        known.newest.linear.bias,  # type: ignore[arg-type]
        network.head.linear.bias,  # type: ignore[arg-type]
    )


def test_the_values_of_the_head_do_not_depend_on_what_the_seed_draws(tmp_path: Path) -> None:
    run = finished(tmp_path / "first", DIGITS)
    made = functools.partial(job, f"init_from={run}", "init_head=continued")
    one, other = (build_network(made(f"seed={seed}")).head for seed in (0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["init_head=kept"], "about a run, and there is none. Try: init_from=RUN"),
        (["init_from=RUN", "init_head=keep"], "Try: kept"),
        (["init_from=RUN", "init_head=continued", "model.head.dropout=0.5"], "ant, bee"),
    ],
)
def test_what_cannot_be_is_refused_with_a_way_out(words: list[str], said: str, tmp_path: Path) -> None:
    run = finished(tmp_path / "first", ("ant", "bee"))
    with pytest.raises(ConfigError) as caught:
        build_network(job(*(word.replace("RUN", str(run), 1) for word in words)))
    assert said in caught.value.line()


def test_a_class_in_two_kept_heads_is_refused(tmp_path: Path) -> None:
    first = finished(tmp_path / "first", DIGITS)
    second = finished(tmp_path / "second", DIGITS, build_network(job(f"init_from={first}", "init_head=kept")))
    with pytest.raises(ConfigError, match="two heads that init_head keeps tell '0' apart"):
        job(f"init_from={second}", "init_head=kept")


@pytest.mark.parametrize("wish", ["kept", "continued"])
@pytest.mark.parametrize("task", ["multilabel.Multilabel", "regression.Regression"])
def test_a_head_that_chooses_no_class_is_not_held_on_to_as_if_it_did(
    tmp_path: Path, wish: str, task: str
) -> None:
    network = Network(tiny(None), Linear(tiny(None).out_features, 2)).eval()
    meta = {"task": {"_target_": f"tlx.tasks.{task}"}}
    write_bundle(tmp_path / "bundle", network, HEAD, ("ant", "bee"), {}, meta)
    said = f"init_head={wish} keeps heads that choose one class.*{task.partition('.')[2]}"
    with pytest.raises(ConfigError, match=said):
        job(f"init_from={tmp_path}", f"init_head={wish}")
    assert job(f"init_from={tmp_path}").backbone.original_classes == ()
