from pathlib import Path
from typing import Any

import pytest

from tlx.composition import app
from tlx.composition.hydra_settings import check_hydra_settings, from_elsewhere, sets_environment
from tlx.errors import SecurityError

FOREIGN = [
    {"callbacks": {"x": {"_target_": "os.mkdir", "path": "canary"}}},
    {"callbacks": {"x": {"_target_": "logging.os.mkdir", "path": "canary"}}},
    {"callbacks": {"x": {"_target_": "hydra.utils.instantiate"}}},
    {"launcher": {"_target_": "subprocess.Popen"}},
    {"job_logging": {"handlers": {"x": {"()": "os.mkdir", "path": "canary"}}}},
    {"job_logging": {"handlers": {"x": {"class": "logging.os.mkdir"}}}},
    {"hydra_logging": {"formatters": {"x": {"format": "ext://os.environ"}}}},
    {"job": {"env_set": {"LD_PRELOAD": "/tmp/evil.so"}}},
]


@pytest.mark.parametrize("settings", FOREIGN, ids=lambda s: next(iter(s)))
def test_what_hydra_would_call_must_be_its_own(settings: dict[str, Any]) -> None:
    with pytest.raises(SecurityError):
        check_hydra_settings(settings)


def test_what_hydra_has_by_default_is_its_own() -> None:
    check_hydra_settings(
        {
            "launcher": {"_target_": "hydra._internal.core_plugins.basic_launcher.BasicLauncher"},
            "job_logging": {
                "handlers": {"c": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}}
            },
        }
    )
    check_hydra_settings({"callbacks": {"x": {"_target_": "mine.Callback"}}}, ["mine"])
    check_hydra_settings({"job": {"env_set": {"A": "1"}}}, words=["hydra.job.env_set.A=1"])
    assert sets_environment("+hydra.job.env_set.A=1") and not sets_environment("hydra.job.chdir=true")
    assert from_elsewhere(["+hydra.callbacks.x=1"], None) and not from_elsewhere(["seed=1"], None)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "theirs" / "experiment").mkdir(parents=True)
    return tmp_path


def write(folder: Path, text: str) -> None:
    path = folder / "theirs" / "experiment" / "nice.yaml"
    path.write_text(f"# @package _global_\n{text}")


@pytest.mark.parametrize("sweep", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "hydra: {callbacks: {x: {_target_: os.mkdir, path: canary}}}",
        "hydra: {job_logging: {handlers: {x: {(): os.mkdir, path: canary}}}}",
        "trust: [subprocess]",
    ],
)
def test_a_folder_of_configs_brings_neither_calls_nor_trust(elsewhere: Path, text: str, sweep: bool) -> None:
    write(elsewhere, text)
    argv = [*(["-m"] if sweep else []), "--config-dir", "theirs", "experiment=nice"]
    with pytest.raises(SecurityError):
        app.sweep("fit", argv, lambda found, _: 0.0) if sweep else app.run("fit", argv)
    assert not (elsewhere / "canary").exists()


def test_a_folder_of_configs_that_brings_settings_alone_is_read(elsewhere: Path) -> None:
    write(elsewhere, "seed: 7")
    found = app.run("fit", ["--config-dir", "theirs", "experiment=nice", "trust=[mine]"])
    assert found is not None
    assert (found.config["seed"], found.trust) == (7, ("mine",))
