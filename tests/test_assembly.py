import functools
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.faults.jobs import BY_EPOCHS, PLATEAU, small_job
from tests.quiet import fit_quietly
from tlx.assembly import build_network, describe_plan, new_head
from tlx.backbones.known_heads import KnownHead
from tlx.cache.settings import CacheSettings
from tlx.errors import ConfigError
from tlx.plan import HEAD, Phase, Plan
from tlx.regularizers.ewc import EWC
from tlx.regularizers.l2sp import L2SP
from tlx.strategies.feature_extraction import feature_extraction
from tlx.strategies.full import full
from tlx.strategies.norm_only import norm_only
from tlx.tasks.multiclass import Multiclass


def test_random_values_come_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    one = build_network(small_job(seed=4)).state_dict()
    torch.manual_seed(2)
    other = build_network(small_job(seed=4)).state_dict()
    apart = build_network(small_job(seed=5)).state_dict()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    assert not torch.equal(one["head.linear.weight"], apart["head.linear.weight"])


def test_heads_that_stand_beside_each_other_begin_with_other_values() -> None:
    """With the same ones, what the newer head learned turned the answers of the older one around."""
    job = small_job(knows=1)
    alone = build_network(job).head.linear
    drawn = [new_head(job, 3, beside).linear.weight for beside in range(3)]
    assert torch.equal(drawn[0], alone.weight)
    directions = torch.cat([(weight[0] - weight[1])[None] for weight in drawn])
    assert torch.corrcoef(directions).triu(1).abs().max() < 0.95
    known = small_job(knows=1)
    head = functools.partial(nn.Linear, known.backbone.out_features)
    known.backbone.know([KnownHead({}, ("a", "b")), KnownHead({}, ("c", "d"))], [head(2), head(2)])
    assert torch.equal(build_network(known).head.linear.weight, drawn[2])


def test_the_described_plan_counts_parameters_by_hand() -> None:
    plain, text = describe_plan(small_job(strategy=BY_EPOCHS))
    head, block, stem = 8 * 3 + 3, 8 * 8 * 9 + 8 + 16, 8 * 9 + 8 + 16
    assert [phase["parameters"] for phase in plain["phases"]] == [
        head,
        head + 2 * block,
        head + 2 * block + stem,
    ]
    assert plain["total_parameters"] == head + 2 * block + stem
    assert [phase["augment"] for phase in plain["phases"]] == [False, True, True]
    assert "block0, block1: 0.01" in text


def test_norms_of_the_job_reach_the_plan_and_those_of_a_strategy_stand_where_the_job_has_none() -> None:
    def own(stages: tuple[str, ...]) -> Plan:
        return Plan(stages, (Phase("", {HEAD: 1.0, "stem": 1.0}, 1),), norms="statistics")

    assert describe_plan(small_job(strategy=own))[0]["norms"] == "statistics"
    assert describe_plan(replace(small_job(strategy=own), norms="all"))[0]["norms"] == "all"
    assert describe_plan(replace(small_job(), norms="affine"))[0]["norms"] == "affine"


def test_a_plateau_of_the_epoch_is_refused_and_its_last_weights_count(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="monitor=epoch has no plateau"):
        describe_plan(replace(small_job(strategy=PLATEAU), monitor="epoch"))
    job = replace(small_job(strategy=BY_EPOCHS), monitor="epoch")
    summary = fit_quietly(job, tmp_path)
    assert summary["best/epoch"] == summary["train/epochs"] and summary["monitor"] == "epoch"


def test_norms_that_a_strategy_trains_are_not_frozen_by_the_job() -> None:
    with pytest.raises(ConfigError, match="norms='all'.*for the plan trains stem:norm"):
        describe_plan(replace(small_job(strategy=norm_only), norms="all"))
    assert describe_plan(replace(small_job(strategy=norm_only), norms="statistics"))[0]["phases"]


def test_a_strategy_that_asks_for_counts_is_given_them_unless_they_are_bound() -> None:
    seen: list[tuple[object, ...]] = []

    def asking(stages: tuple[str, ...], *, counts: object, classes: object = None) -> Plan:
        seen.append((counts, classes))
        return BY_EPOCHS(stages)

    describe_plan(small_job(strategy=asking))
    describe_plan(small_job(strategy=functools.partial(asking, counts=(1, 2))))
    assert seen == [((18, 17, 17), ("left", "right", "top")), ((1, 2), None)]


def test_weights_of_a_class_that_is_not_there_are_refused_before_a_plan_is_shown(tmp_path: Path) -> None:
    job = small_job(task=Multiclass(class_weights={"bottom": 2.0}))
    with pytest.raises(ConfigError, match="class_weights 'bottom'"):
        describe_plan(job)
    with pytest.raises(ConfigError, match="class_weights 'bottom'"):
        fit_quietly(job, tmp_path)
    assert not (tmp_path / "plan.json").exists()


def test_a_plan_says_where_nothing_that_was_known_can_be_lost() -> None:
    frozen = functools.partial(feature_extraction, epochs=1)
    for strategy, idle in ((frozen, True), (BY_EPOCHS, False)):
        job = small_job(strategy=strategy, knows=20, regularizers=(functools.partial(L2SP, strength=0.3),))
        said = describe_plan(job)[1]
        assert "held on to by l2sp (strength 0.3)" in said
        assert "weight decay is off: l2sp pulls in its place" in said
        assert ("no stage trains that begins with values that were known" in said) == idle


def test_a_plan_says_of_weight_decay_and_what_regularizers_say_of_themselves() -> None:
    ewc = EWC()
    ewc.said = lambda origin: [f"{len(origin.pairs) > 0} is said of it"]  # type: ignore[method-assign]
    said = describe_plan(small_job(knows=20, regularizers=(lambda: ewc,)))[1]
    assert "True is said of it" in said.splitlines()
    assert "weight decay" not in said


def test_a_plan_says_why_the_frozen_part_is_not_kept_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = CacheSettings(folder=str(tmp_path / "file" / "features"))
    frozen = functools.partial(feature_extraction, epochs=1)
    said = "the frozen part is held in memory, by this run alone, since cache.folder="
    line = f"{said}{tmp_path}/file/features cannot be used: {tmp_path}/file is a file"
    _, text = describe_plan(small_job(strategy=frozen, cache=cache))
    assert "computed once" in text and text.splitlines()[-1] == line
    fit_quietly(small_job(strategy=frozen, cache=cache), tmp_path / "run")
    assert line in (tmp_path / "run" / "log.txt").read_text()
    assert said not in describe_plan(small_job(strategy=full, cache=cache))[1]
    assert (
        said not in describe_plan(small_job(strategy=frozen, cache=replace(cache, folder=str(tmp_path))))[1]
    )


def test_a_folder_that_can_hold_nothing_is_refused_where_it_is_the_only_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    job = small_job(
        strategy=functools.partial(feature_extraction, epochs=1),
        cache=CacheSettings(ram=0, folder=str(tmp_path / "file")),
    )
    for work in (describe_plan, lambda job: fit_quietly(job, tmp_path / "run")):
        with pytest.raises(ConfigError, match="file is a file; and cache.ram=0 GiB leave no other place"):
            work(job)
    assert not (tmp_path / "run" / "plan.json").exists()


def test_a_folder_that_goes_while_a_run_is_on_its_way_does_not_end_it(tmp_path: Path) -> None:
    folder = tmp_path / "features"
    job = functools.partial(small_job, cache=CacheSettings(ram=0, folder=str(folder)))
    fit_quietly(
        job(strategy=functools.partial(feature_extraction, epochs=1), limit_epochs=1), tmp_path / "run"
    )
    (tmp_path / "run" / "summary.json").unlink()
    shutil.rmtree(folder)
    folder.write_text("")
    fit_quietly(job(strategy=functools.partial(feature_extraction, epochs=1)), tmp_path / "run")
    log = (tmp_path / "run" / "log.txt").read_text()
    assert f"the frozen part is computed in every epoch, since cache.folder={folder} cannot be used" in log
    assert (tmp_path / "run" / "summary.json").is_file()


def test_a_plan_counts_no_memory_for_processes_that_will_share_a_machine(tmp_path: Path) -> None:
    cache = CacheSettings(ram=1, disk=0, folder=str(tmp_path))
    for devices, kept in ((1, True), (2, False)):
        job = small_job(cache=cache, augment="none", devices=devices)
        plan, text = describe_plan(job)
        assert (plan["phases"][0]["cache_bytes"] > 0) == kept
        assert ("of several processes none holds them in memory" in text) != kept
