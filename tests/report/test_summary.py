import json

import pytest

from tlx.errors import ConfigError
from tlx.figures import TASK_FIGURES, TRAIN_FIGURE
from tlx.report.summary import FIGURE_KEYS, SUMMARY_KEYS, write_summary


@pytest.fixture
def values():
    return dict.fromkeys(SUMMARY_KEYS, 0.5) | {"versions": {"torch": "2"}}


def test_what_is_written_is_what_is_read_in_the_documented_order(values, tmp_path):
    write_summary(tmp_path / "summary.json", dict(reversed(values.items())))
    read = json.loads((tmp_path / "summary.json").read_text())
    assert read == values
    assert list(read) == list(SUMMARY_KEYS)


def test_an_unknown_key_is_refused_with_the_nearest_one(values, tmp_path):
    with pytest.raises(ConfigError, match=r"val/accuraccy.*Try: val/accuracy"):
        write_summary(tmp_path / "summary.json", values | {"val/accuraccy": 1.0})
    assert not (tmp_path / "summary.json").exists()


def test_a_missing_key_is_refused(values, tmp_path):
    del values["ended"]
    with pytest.raises(ConfigError, match="lacks ended"):
        write_summary(tmp_path / "summary.json", values)


def test_the_test_split_is_there_wholly_or_not_at_all(values, tmp_path):
    untested = {key: value for key, value in values.items() if not key.startswith("test/")}
    write_summary(tmp_path / "summary.json", untested)
    with pytest.raises(ConfigError, match="lacks test/samples, test/f1, test/loss"):
        write_summary(tmp_path / "summary.json", untested | {"test/accuracy": 0.5})


def test_where_there_are_classes_there_is_a_temperature(values, tmp_path):
    for task in ("multiclass", "multilabel"):
        lacking = {key: value for key, value in values.items() if key != "val/temperature"} | {"task": task}
        with pytest.raises(ConfigError, match=r"lacks val/temperature, /"):
            write_summary(tmp_path / "summary.json", lacking)
    write_summary(tmp_path / "summary.json", lacking | {"task": "regression"})
    del lacking["test/loss_calibrated"]
    with pytest.raises(ConfigError, match="lacks val/temperature, test/loss_calibrated"):
        write_summary(tmp_path / "summary.json", lacking)


def test_a_figure_that_is_not_finite_becomes_null(values, tmp_path):
    write_summary(tmp_path / "summary.json", values | {"val/loss": float("nan")})
    assert json.loads((tmp_path / "summary.json").read_text())["val/loss"] is None


def test_every_key_says_what_it_means():
    assert all(meaning and "\n" not in meaning for meaning in SUMMARY_KEYS.values())


@pytest.mark.parametrize("task", sorted(TRAIN_FIGURE))
def test_a_task_has_its_figures_and_needs_no_others(values, tmp_path, task):
    figures = {f"{split}/{name}" for split in ("val", "test") for name in TASK_FIGURES[task]}
    kept = {key: value for key, value in values.items() if key not in FIGURE_KEYS or key in figures}
    write_summary(tmp_path / "summary.json", kept | {"task": task})
    headline = TASK_FIGURES[task][0]
    del kept[f"val/{headline}"]
    with pytest.raises(ConfigError, match=f"lacks val/{headline}"):
        write_summary(tmp_path / "summary.json", kept | {"task": task})
