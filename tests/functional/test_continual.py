import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tlx.errors import ConfigError
from tlx.functional.continual import average_accuracy, backward_transfer, forgetting, forward_transfer

CHECK = [[0.1, 0.2, 0.3], [0.9, 0.0, 0.0], [0.95, 0.8, 0.0], [0.7, 0.85, 0.9]]
"""Below its first row: the matrix on which the definitions of forgetting that are in use differ."""

MEASURES = (average_accuracy, backward_transfer, forward_transfer, forgetting)
NAN = math.nan

shares = st.floats(0, 1)
sizes = st.integers(2, 6)
matrices = sizes.flatmap(
    lambda t: st.lists(st.lists(shares, min_size=t, max_size=t), min_size=t + 1, max_size=t + 1)
)


def test_the_values_of_the_check_matrix():
    assert average_accuracy(CHECK) == pytest.approx(2.45 / 3)
    assert backward_transfer(CHECK) == pytest.approx(((0.7 - 0.9) + (0.85 - 0.8)) / 2)
    assert forward_transfer(CHECK) == pytest.approx(((0.0 - 0.2) + (0.0 - 0.3)) / 2)
    assert forgetting(CHECK) == pytest.approx(((0.95 - 0.7) + (0.8 - 0.85)) / 2)


def in_words(matrix):
    """The four formulas with tasks that count from 1, term by term."""
    tasks = len(matrix) - 1

    def r(t, i):
        return matrix[t][i - 1]

    earlier = range(1, tasks)
    return (
        sum(r(tasks, i) for i in range(1, tasks + 1)) / tasks,
        sum(r(tasks, i) - r(i, i) for i in earlier) / (tasks - 1),
        sum(r(i - 1, i) - r(0, i) for i in range(2, tasks + 1)) / (tasks - 1),
        sum(max(r(t, i) for t in range(i, tasks)) - r(tasks, i) for i in earlier) / (tasks - 1),
    )


@given(matrices)
def test_each_is_its_formula_of_lists_and_of_tensors(matrix):
    for measure, expected in zip(MEASURES, in_words(matrix), strict=True):
        assert measure(matrix) == pytest.approx(expected, abs=1e-12)
        assert measure(torch.tensor(matrix, dtype=torch.float64)) == measure(matrix)


@given(matrices)
def test_what_was_forgotten_is_at_least_what_was_lost_since_a_task_was_learnt(matrix):
    assert forgetting(matrix) >= -backward_transfer(matrix) - 1e-12


@given(matrices)
def test_the_measures_stay_in_their_range(matrix):
    assert 0 <= average_accuracy(matrix) <= 1 + 1e-12
    assert all(abs(measure(matrix)) <= 1 + 1e-12 for measure in MEASURES[1:])


@given(st.lists(shares, min_size=2, max_size=6))
def test_accuracies_that_never_change_are_neither_transferred_nor_forgotten(row):
    still = [row] * (len(row) + 1)
    assert [measure(still) for measure in MEASURES[1:]] == [0, 0, 0]


@given(matrices, shares)
def test_what_was_before_the_first_task_matters_to_forward_transfer_alone(matrix, share):
    other = [[share] * len(matrix[0]), *matrix[1:]]
    for measure in (average_accuracy, backward_transfer, forgetting):
        assert measure(other) == measure(matrix)


def test_what_the_last_task_made_better_than_ever_is_forgetting_below_zero():
    assert forgetting([[0, 0], [0.5, 0], [0.8, 0.9]]) == pytest.approx(-0.3)


@given(matrices, matrices)
def test_what_a_task_had_before_it_was_learnt_is_not_forgotten(matrix, untrained):
    """With a head for each task it is what a head of random values happens to tell right."""
    tasks = len(matrix) - 1
    other = [
        [(untrained[t % len(untrained)] * tasks)[i] if t <= i else matrix[t][i] for i in range(tasks)]
        for t in range(tasks + 1)
    ]
    assert forgetting(other) == forgetting(matrix)


def test_tasks_that_stay_as_they_were_learnt_are_not_forgotten_at_all():
    assert forgetting([[0.1, 0.9, 0.8], [0.6, 1.0, 0.2], [0.6, 0.7, 0.9], [0.6, 0.7, 0.8]]) == 0


def test_of_a_single_task_only_the_average_is_known():
    assert average_accuracy([[0.1], [0.9]]) == pytest.approx(0.9)
    assert all(math.isnan(measure([[0.1], [0.9]])) for measure in MEASURES[1:])


def test_tasks_that_were_only_measured_once_learnt_leave_all_but_forward_transfer_known():
    seen = [[NAN, NAN, NAN], [0.9, NAN, NAN], [0.95, 0.8, NAN], [0.7, 0.85, 0.9]]
    for measure in (average_accuracy, backward_transfer, forgetting):
        assert measure(seen) == measure(CHECK)
    assert math.isnan(forward_transfer(seen))


@pytest.mark.parametrize(
    ("row", "column", "unknown"),
    [
        (3, 0, {average_accuracy, backward_transfer, forgetting}),
        (3, 2, {average_accuracy}),
        (1, 0, {backward_transfer, forgetting}),
        (2, 0, {forgetting}),
        (1, 1, {forward_transfer}),
        (0, 2, {forward_transfer}),
        (0, 0, set()),
        (1, 2, set()),
    ],
)
def test_a_value_that_was_not_measured_leaves_unknown_what_it_is_part_of(row, column, unknown):
    matrix = [list(values) for values in CHECK]
    matrix[row][column] = NAN
    assert {measure for measure in MEASURES if math.isnan(measure(matrix))} == unknown
    for measure in set(MEASURES) - unknown:
        assert measure(matrix) == measure(CHECK)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([], "shape"),
        ([[]], "shape"),
        ([[0.5]], "shape"),
        ([[0.5, 0.5], [0.5, 0.5]], r"shape=\(2, 2\)"),
        ([0.5, 0.5], "shape"),
        ([[0.5], [0.5, 0.5], [0.5]], "a row after 0, 1"),
        ([[0.5], [90.0]], r"accuracies=90.0 .* shares in \[0, 1\]"),
        ([[-0.1], [0.9]], "accuracies=-0.1"),
        ([[0.1], [math.inf]], "accuracies=inf"),
    ],
)
def test_what_is_no_matrix_of_accuracies_is_refused(measure, wrong, said):
    with pytest.raises(ConfigError, match=said):
        measure(wrong)
