import pytest

from tests.sequences.given import NODE, given
from tlx.errors import ConfigError
from tlx.sequences.permuted import Permuted
from tlx.data.node import recipe_of


def test_each_task_has_an_order_of_its_own_and_the_same_classes() -> None:
    tasks = Permuted(3, pad=2).tasks(given("domain"))
    assert len({task.data["order_seed"] for task in tasks}) == 3
    assert all(task.data["of"] == recipe_of(NODE) and task.data["pad"] == 2 for task in tasks)
    assert all(task.data["batch_size"] == 8 for task in tasks)


def test_with_a_head_for_each_task_a_class_bears_the_name_of_its_order() -> None:
    tasks = Permuted(2).tasks(given("task", classes="ab"))
    assert [task.data["names"] for task in tasks] == [
        ["a in order 1", "b in order 1"],
        ["a in order 2", "b in order 2"],
    ]
    assert all(task.data["of"]["_target_"] == "tlx.data.permuted.Permuted" for task in tasks)


def test_the_first_task_can_have_the_pixels_as_they_are() -> None:
    first, second = Permuted(2, first=False).tasks(given("domain"))
    assert first.data["order_seed"] is None and second.data["order_seed"] is not None


def test_orders_of_different_seeds_are_different_ones() -> None:
    first, second = (Permuted(10, seed=seed).tasks(given("domain")) for seed in (0, 1))
    orders = {task.data["order_seed"] for task in (*first, *second)}
    assert len(orders) == 20


@pytest.mark.parametrize("wrong", [{"tasks": 1}, {"seed": -1}, {"pad": -1}])
def test_values_out_of_their_ranges_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=rf"sequence\.{next(iter(wrong))}"):
        Permuted(**wrong)  # type: ignore[arg-type]
