from pathlib import Path
from typing import Any

import pytest

from tlx.assembly import plan_of
from tlx.checkpoint.durable import newest, read
from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.composition.resolve import to_yaml
from tlx.errors import CheckpointError, ConfigError
from tlx.training import fit

SMALL = (
    "trainer=cpu", "cache=none", "page=false", "data.per_class=2", "data.batch_size=10", "strategy=full",
    "strategy.epochs=1", "data.val_fraction=0.02", "data.test_fraction=0.02", "monitor=epoch",
)  # fmt: skip


def trained(folder: Path, *words: str) -> Path:
    config = compose("fit", [*SMALL, *words]).config
    folder.mkdir()
    (folder / "config.yaml").write_text(to_yaml(config))
    fit(make_job(config), folder)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("optimizer") / "first")


def steps(run: Path) -> dict[str, set[float]]:
    """The steps that each group's weights were moved by, as the newest checkpoint says."""
    path = newest(run / "checkpoints")
    assert path is not None
    state = read(path)["optimizer_states"][0]
    return {
        group["name"].partition("/")[0]: {float(state["state"][place]["step"]) for place in group["params"]}
        for group in state["param_groups"]
    }


def job(*words: str) -> Any:
    return make_job(compose("fit", [*SMALL, *words]).config)


def test_a_run_goes_on_with_the_memory_of_the_one_before(run: Path, tmp_path: Path) -> None:
    own = [f"init_from={run}", "init_head=continued"]
    found = steps(trained(tmp_path / "second", *own, "init_optimizer=kept"))
    assert set().union(*found.values()) == {4.0}, "two batches here, and two there"
    assert set().union(*steps(trained(tmp_path / "anew", *own)).values()) == {2.0}


def test_a_new_head_has_nothing_to_remember(run: Path, tmp_path: Path) -> None:
    found = steps(trained(tmp_path / "second", f"init_from={run}", "init_optimizer=kept"))
    assert found.pop("head") == {2.0} and set().union(*found.values()) == {4.0}


def test_where_all_begins_anew_it_is_refused(run: Path) -> None:
    made = job(f"init_from={run}", "init_optimizer=kept", "strategy=scratch")
    with pytest.raises(ConfigError, match="nothing that is there already trains with strategy=scratch"):
        plan_of(made)


def test_where_the_new_head_alone_trains_it_is_refused(run: Path) -> None:
    words = [f"init_from={run}", "init_optimizer=kept", "strategy=feature_extraction"]
    with pytest.raises(ConfigError, match="trains with strategy=feature_extraction"):
        plan_of(job(*words))
    assert plan_of(job(*words, "init_head=continued")).phases


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["+optimizer.amsgrad=true"],
            "exp_avg, exp_avg_sq, step of a weight, and this one exp_avg, exp_avg_sq, max",
        ),
        (["optimizer=sgd"], "trained by torch.optim.AdamW"),
    ],
)
def test_an_optimizer_that_remembers_other_things_is_refused(run: Path, words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        job(f"init_from={run}", "init_optimizer=kept", *words)


def test_an_optimizer_without_a_memory_has_nothing_to_keep(tmp_path: Path) -> None:
    plain = ["optimizer=sgd", "optimizer.momentum=0", "optimizer.nesterov=false"]
    trained(tmp_path / "first", *plain)
    with pytest.raises(ConfigError, match="remembers nothing of a weight, and this one nothing"):
        job(f"init_from={tmp_path / 'first'}", "init_optimizer=kept", *plain)


def test_a_damaged_newest_checkpoint_is_told_before_there_is_a_run(tmp_path: Path) -> None:
    first = trained(tmp_path / "first")
    path = newest(first / "checkpoints")
    assert path is not None
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=rf"{path.name} is damaged"):
        job(f"init_from={first}", "init_optimizer=kept")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["init_optimizer=keep"], "Try: kept"),
        (["init_optimizer=kept"], "about a run, and there is none. Try: init_from=RUN"),
        (["init_from=RUN", "init_optimizer=kept", "optimizer=sgd"], "trained by torch.optim.AdamW"),
    ],
)
def test_what_cannot_be_taken_up_is_refused(run: Path, words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        job(*(word.replace("RUN", str(run)) for word in words))


def test_a_bundle_without_its_run_remembers_nothing(run: Path, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    for path in (run / "bundle").iterdir():
        (tmp_path / "alone" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(CheckpointError, match=r"has no checkpoint.*init_optimizer=new"):
        job(f"init_from={tmp_path / 'alone'}", "init_optimizer=kept")
