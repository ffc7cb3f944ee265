import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from tests.sequences.given import NODE, given
from tlx.errors import ConfigError
from tlx.sequences.classes import Classes
from tlx.data.node import loading_of, recipe_of


def test_each_task_has_its_own_classes_under_their_names() -> None:
    tasks = Classes(3).tasks(given())
    assert [task.name for task in tasks] == ["a, b", "c, d", "e, f"]
    assert [task.data["classes"] for task in tasks] == [["a", "b"], ["c", "d"], ["e", "f"]]
    assert all(task.data["names"] == task.data["classes"] for task in tasks)
    assert all(task.data["of"] == recipe_of(NODE) for task in tasks)
    assert all(loading_of(task.data) == loading_of(NODE) for task in tasks)


def test_in_one_domain_after_another_classes_are_places() -> None:
    tasks = Classes(2).tasks(given("domain"))
    assert [task.data["names"] for task in tasks] == [["class 1", "class 2", "class 3"]] * 2
    assert [task.data["classes"] for task in tasks] == [["a", "b", "c"], ["d", "e", "f"]]


@drawn(st.integers(2, 6), st.integers(2, 5))
def test_every_class_is_in_one_task(tasks: int, each: int) -> None:
    classes = [str(number) for number in range(tasks * each)]
    found = Classes(tasks).tasks(given(classes=classes))
    assert [name for task in found for name in task.data["classes"]] == classes
    assert len({task.name for task in found}) == tasks


def test_a_number_of_tasks_that_does_not_divide_the_classes_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a divisor of the 6 classes .*: 2, 3"):
        Classes(4).tasks(given())
    with pytest.raises(ConfigError, match="no number of tasks"):
        Classes(2).tasks(given(classes="abc"))
    with pytest.raises(ConfigError, match=r"sequence\.tasks"):
        Classes(1)
