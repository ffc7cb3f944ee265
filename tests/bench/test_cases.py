import pytest

from scripts.bench.cases import CASES, cases
from scripts.bench.environments import PEERS
from scripts.bench.material import EPOCHS
from scripts.bench.rows.photos import phases
from tlx.api import compose


@pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case.name)
def test_a_case_begins_with_tlx_and_names_no_row_twice(case) -> None:
    assert case.rows[0].peer == "tlx"
    assert len({row.name for row in case.rows}) == len(case.rows)
    assert {row.peer for row in case.rows} <= {"tlx", "plain", *PEERS}


@pytest.mark.parametrize("name", ["head", "gradual"])
def test_each_peer_has_its_best_setting_and_where_it_has_one_its_default(name: str) -> None:
    settings = {(row.peer, row.setting.partition(":")[0]) for row in CASES[name].rows}
    assert {(peer, "best") for peer in ("plain", *PEERS)} <= settings
    if name == "head":
        assert {(peer, "default") for peer in ("plain", *PEERS)} <= settings


@pytest.mark.parametrize("name", ["head", "gradual", "full"])
def test_the_words_of_tlx_are_a_run_that_can_be_composed(name: str) -> None:
    words = [word.format(material="material", seed=0) for word in CASES[name].rows[0].words[1:]]
    config = compose("fit", words)
    assert config["data"]["augment"] == "none"
    assert config["strategy"]["schedule"] == "constant"


def test_there_are_orders_for_every_epoch_of_a_plain_loop() -> None:
    plans = [
        word.removeprefix("phases=")
        for case in CASES.values() for row in case.rows for word in row.words if word.startswith("phases=")
    ]  # fmt: skip
    assert max(sum(epochs for _, epochs in phases(plan)) for plan in plans) == EPOCHS


def test_goals_are_those_of_the_head_case_at_any_number_of_epochs() -> None:
    goals = {row.name: row.goal for row in cases(1)["head"].rows if row.goal}
    assert goals == {"plain": 4.8, "plain-kept": 4.8, "lightning": 9.0, "fastai": 7.5, "fastai-best": 4.0}
