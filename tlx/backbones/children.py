"""Cutting a network that nobody described into stages: by its children, in the order they are called."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from tlx.errors import ConfigError, bad_value, unknown_name

__all__ = ["by_children", "divided", "named_stages", "stage_name", "with_buffers", "without_lone_norms"]

_SPLIT = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def by_children(net: nn.Module, order: Mapping[str, int]) -> dict[str, str]:
    """The stage of each parameter and buffer, as a network's children suggest.

    A child is a stage. Where just one child is a Sequential, ModuleList or ModuleDict of several
    blocks (children with children of their own), each block is a stage in its place; where all
    parameters lie in one child, that one is looked into. Stages are in the order of their first
    call, what is never called in that of registration; a parameter of the network itself belongs
    to the first stage.

    Args:
        net: The network.
        order: From a dry run, module name to the number of its first call.

    Returns:
        Tensor name to stage name, in the order of the stages.
    """
    units = _in_order(net, _units(net), order)
    names = _distinct({unit: stage_name(unit) for unit in units})
    owners: dict[str, str] = {}
    tensors = list(_tensors(net))
    for unit in units:
        owners |= {name: names[unit] for name in tensors if name.startswith(f"{unit}.")}
    if not units:
        return dict.fromkeys(tensors, "all")
    beside = {name: names[units[0]] for name in tensors if name not in owners}
    first = {name: stage for name, stage in owners.items() if stage == names[units[0]]}
    return beside | first | owners


def named_stages(net: nn.Module, stages: Mapping[str, Any] | Sequence[str]) -> dict[str, str]:
    """The stage of each parameter and buffer, as a person names them.

    Args:
        net: The network.
        stages: Stage name to one or several dotted names of modules or parameters, from the
            input up; or a list of such names, each of them a stage.

    Returns:
        Tensor name to stage name, in the order of the stages.

    Raises:
        ConfigError: A name is not there or cannot be used, or a parameter is in no stage or in two.
    """
    if not isinstance(stages, Mapping):
        stages = {name: path for path, name in _distinct({path: stage_name(path) for path in stages}).items()}
    tensors = list(_tensors(net))
    known = {*dict(net.named_modules()), *tensors} - {""}
    owners: dict[str, str] = {}
    for stage, given in stages.items():
        if not str(stage).isidentifier() or stage == "head":
            raise bad_value("the name of a stage", stage, "a word other than head")
        for prefix in [given] if isinstance(given, str) else given:
            if prefix not in known:
                raise unknown_name("part of the network", prefix, known)
            mine = [name for name in tensors if _within(name, prefix)]
            doubled = [name for name in mine if name in owners]
            if doubled:
                raise ConfigError(
                    f"model.stages has {doubled[0]!r} in {owners[doubled[0]]!r} and in {stage!r}",
                    fix="each child of the network in one stage",
                )
            owners |= dict.fromkeys(mine, str(stage))
    lost = [name for name in tensors if name not in owners]
    if lost:
        raise ConfigError(
            f"model.stages leaves {len(lost)} parameters without a stage, first {', '.join(lost[:3])}",
            fix="a stage for them, or model.stages=null",
        )
    return owners


def without_lone_norms(net: nn.Module, owners: Mapping[str, str]) -> dict[str, str]:
    """The same stages, but that one of norms alone joins the stage before it, the first one the next."""
    modules = dict(net.named_modules())
    stages = list(dict.fromkeys(owners.values()))
    real = [
        stage
        for stage in stages
        if not all(
            _normalises(modules[name.rpartition(".")[0]]) for name, own in owners.items() if own == stage
        )
    ]
    if not real:
        return dict.fromkeys(owners, stages[0])
    joined, last = {}, real[0]
    for stage in stages:
        last = stage if stage in real else last
        joined[stage] = last
    renamed = {name: joined[stage] for name, stage in owners.items()}
    return {name: stage for wanted in real for name, stage in renamed.items() if stage == wanted}


def with_buffers(net: nn.Module, owners: Mapping[str, str]) -> dict[str, str]:
    """The same stages with each buffer in that of the parameter whose name is most like its own."""
    found = dict(owners)
    for name, _ in net.named_buffers():
        if name not in found:
            found[name] = owners[max(owners, key=lambda other: _shared(name, other))]
    order = list(dict.fromkeys(owners.values()))
    return dict(sorted(found.items(), key=lambda item: order.index(item[1])))


def divided(net: nn.Module, owners: Mapping[str, str], order: Mapping[str, int]) -> dict[str, list[str]]:
    """Stages as prefixes of modules and parameters, from the stage of each tensor.

    A module that has no tensor (an activation, a pooling) belongs to the stage that was called
    before it.

    Args:
        net: The network.
        owners: Tensor name to stage, in the order of the stages.
        order: From a dry run, module name to the number of its first call.
    """
    stages: dict[str, list[str]] = {stage: [] for stage in owners.values()}
    bare: list[tuple[str, str]] = []
    last = next(iter(stages))
    for path, owner in _pieces(net, owners):
        if owner is None:
            bare.append((path, last))
        else:
            stages[owner].append(path)
            last = owner
    calls = sorted(
        (number, stage)
        for stage, prefixes in stages.items()
        for name, number in order.items()
        if any(_within(name, prefix) for prefix in prefixes)
    )
    for path, beside in bare:
        numbers = [number for name, number in order.items() if _within(name, path)]
        before = [stage for number, stage in calls if numbers and number < min(numbers)]
        first = next(iter(stages))
        stages[(before[-1] if before else first) if numbers else beside].append(path)
    return stages


def stage_name(path: str) -> str:
    """A dotted path as a word: its last part, and the plural before it where that is a number.

    >>> [stage_name(path) for path in ("layer1", "blocks.0", "features.denseblock1", "head", "nets.x.3", "2")]
    ['layer1', 'block0', 'denseblock1', 'top', 'x_3', 'layer2']
    """
    parts = path.split(".")
    last = re.sub(r"\W", "_", parts[-1])
    if last[:1].isdigit():
        several = re.sub(r"\W", "_", parts[-2]) if len(parts) > 1 else "layers"
        last = f"{several[:-1]}{last}" if several.endswith("s") else f"{several}_{last}"
    return "top" if last == "head" else last


def _units(net: nn.Module) -> list[str]:
    """Children of the network, or of what it wraps, containers of several blocks in their place."""
    path, module = "", net
    while True:
        inside = [(f"{path}{name}", child) for name, child in module.named_children() if _has_tensors(child)]
        several = [name for name, child in inside if _holds_blocks(child)]
        units = [
            part for name, child in inside for part in ([name] if several != [name] else _parts(name, child))
        ]
        if len(units) != 1 or not any(map(_has_tensors, net.get_submodule(units[0]).children())):
            return units
        path, module = f"{units[0]}.", net.get_submodule(units[0])


def _holds_blocks(module: nn.Module) -> bool:
    blocks = [child for child in module.children() if _has_tensors(child) and list(child.children())]
    return isinstance(module, _SPLIT) and len(blocks) > 1


def _parts(path: str, module: nn.Module) -> list[str]:
    return [f"{path}.{name}" for name, child in module.named_children() if _has_tensors(child)]


def _in_order(net: nn.Module, units: list[str], order: Mapping[str, int]) -> list[str]:
    place: dict[str, float] = {}
    last = -1.0
    for unit in units:
        numbers = [number for name, number in order.items() if _within(name, unit)]
        last = min(numbers) if numbers else last
        place[unit] = last if numbers else last + 0.5
    return sorted(units, key=lambda unit: place[unit])


def _distinct(names: Mapping[str, str]) -> dict[str, str]:
    """The same names, whole paths where two are alike."""
    alike = [name for name in names.values() if list(names.values()).count(name) > 1]
    return {path: re.sub(r"\W", "_", path) if name in alike else name for path, name in names.items()}


def _pieces(net: nn.Module, owners: Mapping[str, str], path: str = "") -> Iterator[tuple[str, str | None]]:
    """The largest parts of one stage, in order of registration; None for what has no tensor."""
    module = net.get_submodule(path.rstrip("."))
    for name in owners:
        if name.startswith(path) and "." not in name[len(path) :]:
            yield name, owners[name]
    for child, _ in module.named_children():
        prefix = f"{path}{child}"
        stages = {stage for name, stage in owners.items() if name.startswith(f"{prefix}.")}
        if len(stages) == 1:
            yield prefix, stages.pop()
        elif stages:
            yield from _pieces(net, owners, f"{prefix}.")
        else:
            yield prefix, None


def _tensors(net: nn.Module) -> Iterator[str]:
    yield from (name for name, _ in net.named_parameters())
    yield from (name for name, _ in net.named_buffers())


def _has_tensors(module: nn.Module) -> bool:
    return any(True for _ in _tensors(module))


def _normalises(module: nn.Module) -> bool:
    return "Norm" in type(module).__name__ and not any(map(_has_tensors, module.children()))


def _shared(name: str, other: str) -> int:
    """How many parts two dotted names begin with alike."""
    alike = 0
    for one, two in zip(name.split("."), other.split("."), strict=False):
        if one != two:
            break
        alike += 1
    return alike


def _within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")
