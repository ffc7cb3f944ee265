"""YAML and signature say the same, and every choice composes."""

import copy
import functools
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from tlx.composition.arguments import check_values
from tlx.composition.compose import compose
from tlx.composition.groups import choices, conf_folder, groups, meaning
from tlx.data.node import LOADING
from tlx.recipe import resolve
from tlx.verbs.protocol import QUESTIONS

CHOICES = [(group, choice) for group in groups() for choice in choices(group)]
OPEN = {
    "data_sets": ["sequence.tasks=['data=digits','data=digits']"],
    "data=torchvision": ["data.name=MNIST", "data.root=sets"],
    "by_classes": ["data.classes=[0,1]"],
    "folder": ["data.root=photos"],
    "joined": ["data.of=[{_target_: tlx.data.digits.Digits}]"],
    "npz": ["data.file=mnist.npz"],
    "resnet50_layer_rates": ["data.root=photos"],
    "ants_bees_forgetting": ["data.root=photos", "source.train=protecting.csv", "source.val=measuring.csv"],
    "module": ["model.net._target_=mypackage.Net"],
    "timm": ["model.name=resnet18"],
    "torchvision": ["model.name=resnet18"],
    "transformers": ["model.name=encoder"],
}
"""What has to be given, beside the choice."""
GIVEN = {
    "strategy": {"stages", "counts", "classes"},
    "optimizer": {"params", "lr"},
    "head": {"in_features", "classes"},
}
"""Arguments that the fit supplies."""
LIBRARY = {
    "torch.optim.AdamW": {"amsgrad", "maximize", "foreach", "capturable", "differentiable"},
    "torch.optim.SGD": {"dampening", "maximize", "foreach", "differentiable", "fused"},
}
"""Arguments of other libraries that tlx leaves alone."""


SEQUENCES = ("sequence", "split_mnist", "permuted_mnist")
"""What begins so is read by that verb, be it a group or an experiment; all else by fit."""


@functools.cache
def composed(group: str, choice: str) -> dict[str, Any]:
    verb = "sequence" if group in SEQUENCES or choice.startswith(SEQUENCES) else "fit"
    given = OPEN.get(f"{group}={choice}", OPEN.get(choice, []))
    given = ["data.file=mnist.npz"] if "mnist" in choice else given
    return compose(verb, [f"{group}={choice}", *given]).config


def node(group: str, choice: str) -> dict[str, Any]:
    config = copy.deepcopy(composed(group, choice))
    found = dict(config[group]) if group in config else {}
    return dict(found.get(choice, {})) if group == "regularizer" else found


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_composes_and_says_what_it_means(group: str, choice: str) -> None:
    found = node(group, choice)
    assert found or group == "experiment" or choice == "none"
    said = meaning(group, choice)
    assert 10 < len(said) < 110


def arguments(path: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(resolve(path)).parameters)


@pytest.mark.parametrize(
    ("group", "choice"),
    [pair for pair in CHOICES if pair[0] != "experiment" and pair != ("regularizer", "none")],
)
def test_a_yaml_lists_every_argument_with_its_default(group: str, choice: str) -> None:
    found = node(group, choice)
    head = found.pop("head", None)
    path = found.pop("_target_")
    if group == "data":
        found = {key: value for key, value in found.items() if key not in LOADING}
    hold_together(
        path,
        found,
        GIVEN.get(group, set()),
        overridden=set(found) if group in ("trainer", "cache", "sequence") else set(),
    )
    check_values({"_target_": path, **found}, group)
    if head is not None:
        hold_together(head.pop("_target_"), head, GIVEN["head"])


def hold_together(
    path: str, found: dict[str, Any], given: set[str], overridden: set[str] = frozenset()
) -> None:  # type: ignore[assignment]
    known = arguments(path)
    left = given | LIBRARY.get(path, set())
    assert set(found) == set(known) - left
    own = path.startswith("tlx.")
    for key, value in found.items():
        default = known[key].default
        if own and key not in overridden and default is not inspect.Parameter.empty:
            same = list(default) == list(value) if isinstance(default, tuple) else default == value
            assert same or key in VARIED.get(path, ()), f"{key}: {value!r} in the YAML, {default!r} in Python"


VARIED: dict[str, tuple[str, ...]] = {
    "tlx.backbones.timm.timm": ("weights",),
    "tlx.backbones.torchvision.torchvision": ("weights",),
}
"""Arguments whose value is what the choice is about."""


def test_the_keys_of_loading_are_those_of_the_data_module() -> None:
    loading = OmegaConf.to_container(OmegaConf.load(conf_folder() / "data" / "loading.yaml"))
    assert set(dict(loading)) == set(LOADING)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "path", sorted(conf_folder().rglob("*.yaml")), ids=lambda p: f"{p.parent.name}/{p.name}"
)
def test_every_key_has_a_comment_of_why(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0].startswith("# ")
    body = lines[: lines.index("hydra:")] if "hydra:" in lines else lines
    for number, line in enumerate(body):
        key = re.match(r"\s*(\w+): *(\S.*)?$", line)
        says_itself = key and (key.group(1) in ("_target_", "defaults") or key.group(2) == path.stem)
        if key and key.group(2) and not says_itself:
            assert " # " in line or body[number - 1].lstrip().startswith("#"), f"{path.name}: {key.group(1)}"


@pytest.mark.parametrize("verb", sorted(QUESTIONS))
def test_the_key_of_a_question_lists_every_argument_with_its_default(verb: str) -> None:
    kind = getattr(importlib.import_module(f"tlx.protocols.{verb}"), QUESTIONS[verb])
    found = compose(verb).config[verb]
    known = inspect.signature(kind).parameters
    assert set(found) == set(known)
    for key, value in found.items():
        default = known[key].default
        assert (list(default) if isinstance(default, tuple) else default) == value
