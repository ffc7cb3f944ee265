from tlx.report.details import split_details
from tlx.report.evaluation import ClassScore, SplitScores


def scores(task, per_class, **more):
    empty = {"intervals": {}, "confusion": (), "bins": (), "mistakes": ()}
    return SplitScores("val", task, 10, {}, per_class=tuple(per_class), **{**empty, **more})


def several(name, samples, value):
    values = {"average_precision": value, "precision": 0.5, "recall": 0.25, "f1": 1 / 3}
    return ClassScore(name, samples, values)


def number(name, value):
    return ClassScore(name, 10, {"mae": 1234.5, "rmse": 0.25, "r2": value}, (0.0, 1.0), ((1, 0), (0, 1)))


def test_the_weakest_class_comes_first_and_one_without_samples_last():
    found = [several("a", 3, 0.75), several("b", 0, None), several("c", 2, 0.5), several("d", 1, None)]
    details = split_details(scores("multilabel", found))
    assert [line["name"] for line in details["lines"]] == ["c", "a", "d", "b"]
    assert [line["number"] for line in details["lines"]] == [2, 0, 3, 1]
    assert [cell.replace("\u00a0", " ") for cell in details["lines"][0]["cells"]] == [
        "50.0 %", "50.0 %", "25.0 %", "33.3 %"
    ]  # fmt: skip
    assert details["columns"] == ["Average precision", "Precision", "Recall", "F1"]
    assert (details["counted"], details["strength"]) == ("Positives", "average precision")


def test_the_classes_beyond_twenty_are_kept_apart():
    details = split_details(scores("multilabel", [several(str(n), 1, n / 40) for n in range(40)]))
    assert (len(details["lines"]), len(details["other_lines"])) == (20, 20)


def test_numbers_are_in_their_unit_the_least_explained_first():
    details = split_details(scores("regression", [number("a", 0.5), number("b", -2.0), number("c", None)]))
    assert [line["name"] for line in details["lines"]] == ["b", "a", "c"]
    assert details["lines"][0]["cells"] == ["1234", "0.250", "-2.000"]
    assert [each["name"] for each in details["densities"]] == ["b", "a", "c"]
    assert all(each["plot"] for each in details["densities"])


def test_of_many_numbers_twelve_are_drawn():
    details = split_details(scores("regression", [number(str(n), n / 20) for n in range(14)]))
    assert len(details["densities"]) == 12


def test_a_confusion_matrix_has_a_shade_where_it_has_a_count():
    per_class = [ClassScore(name, 4, {"precision": 1.0, "recall": 1.0, "f1": 1.0}) for name in "ab"]
    details = split_details(scores("multiclass", per_class, confusion=((4, 0), (1, 3))))
    cells = [
        [(cell["count"], cell["right"], cell["shade"]) for cell in row["cells"]] for row in details["cells"]
    ]
    assert cells == [[(4, True, 55), (0, False, 0)], [(1, False, 32), (3, True, 49)]]
