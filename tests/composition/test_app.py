import logging
import os
import sys
from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl

from tlx.composition import app
from tlx.composition.compose import Composed, compose
from tlx.errors import ConfigError, SecurityError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_app_composes_what_python_composes_and_leaves_no_trace(tmp_path: Path) -> None:
    before = (list(sys.argv), dict(os.environ))
    found = app.run("fit", ["strategy=full", "seed=3"])
    assert found is not None
    assert found.config == compose("fit", ["strategy=full", "seed=3"]).config
    assert (list(sys.argv), dict(os.environ)) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("words", "times"), [(["seed=3"], 1), (["hydra.verbose=false"], 3)])
def test_a_run_is_composed_once_unless_settings_of_hydra_are_given(
    words: list[str], times: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They are looked at for what they call, and for whether they ask for a sweep."""
    caplog.set_level(logging.INFO, "hydra")  # where others left DEBUG, Hydra composes again to tell of it
    composed, load = list[object](), ConfigLoaderImpl.load_configuration
    monkeypatch.setattr(
        ConfigLoaderImpl,
        "load_configuration",
        lambda *given, **more: composed.append(given) or load(*given, **more),
    )
    assert app.run("fit", words) is not None
    assert len(composed) == times


def test_a_flag_that_only_shows_gives_no_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run("fit", ["--cfg", "job"]) is None
    assert "label_smoothing" in capsys.readouterr().out


def test_a_sweep_gives_every_combination_in_order(tmp_path: Path) -> None:
    seen: list[tuple[int, list[str]]] = []

    def job(composed: Composed | ConfigError, overrides: list[str]) -> float:
        assert isinstance(composed, Composed)
        seen.append((composed.config["seed"], overrides))
        return 0.5

    app.sweep("fit", ["-m", "seed=2,1", "strategy=full"], job)
    assert seen == [(2, ["seed=2", "strategy=full"]), (1, ["seed=1", "strategy=full"])]
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_cannot_be_composed_is_handed_on_as_its_error() -> None:
    seen: list[str] = []
    app.sweep("fit", ["-m", "data=folder,digits"], lambda found, _: seen.append(type(found).__name__))
    assert seen == ["ConfigError", "Composed"]


def test_an_unexpected_error_of_a_job_comes_out_as_it_is() -> None:
    def job(composed: Composed | ConfigError, overrides: list[str]) -> float:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        app.sweep("fit", ["-m", "seed=0,1"], job)


def test_flags_are_those_of_hydra_less_one() -> None:
    assert app.parse(["-m", "a=1"]).multirun
    with pytest.raises(ConfigError, match="--multirum"):
        app.parse(["--multirum"])
    with pytest.raises(SecurityError):
        app.parse(["--experimental-rerun", "config.pickle"])


@pytest.mark.parametrize(
    "words",
    [
        ("strategy=full,partial", "strategy.epochs=3"),
        ("strategy=full,partial", "strategy.epochs=3", "strategy.schedule=null", "seed=1"),
        ("strategy=full,partial", "strategy.epochs='3'"),
    ],
)
def test_a_key_that_only_the_swept_choices_have_is_read_in_every_job(words: tuple[str, ...]) -> None:
    """Hydra alone would look it up in the default choice, which has no such key."""
    epochs: list[object] = []

    def job(composed: object, overrides: list[str]) -> None:
        assert isinstance(composed, Composed), composed
        assert set(words[1:]) <= set(overrides)
        epochs.append(composed.config["strategy"]["epochs"])

    app.sweep("fit", ["-m", "model.weights=null", *words], job)
    assert [str(value) for value in epochs] == ["3", "3"]


def test_a_key_that_one_of_the_swept_choices_lacks_is_named_with_the_job() -> None:
    with pytest.raises(ConfigError, match="the job strategy=gradual_unfreezing cannot be composed: no key"):
        app.sweep("fit", ["-m", "strategy=full,gradual_unfreezing", "strategy.epochs=3"], lambda *_: None)


def test_a_word_that_hydra_would_write_in_another_way_is_the_one_that_was_given() -> None:
    words = ["page=false", "cache.ram=0.50", "ema=NULL", "seed=0,1", "++mixup=0e0", "~experiment"]
    seen: list[list[str]] = []
    app.sweep("fit", ["-m", *words], lambda _, overrides: seen.append(overrides))
    shared = [word for word in words if word != "seed=0,1"]
    assert [sorted(job) for job in seen] == [sorted([*shared, f"seed={seed}"]) for seed in (0, 1)]
