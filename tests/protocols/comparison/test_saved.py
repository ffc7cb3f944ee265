from pathlib import Path
from typing import Any

import pytest

import tlx.protocols.comparison.saved as module
from tlx.protocols.comparison.arms import Arm, Finished
from tlx.protocols.comparison.saved import saved
from tlx.protocols.given import Given

CONFIG: dict[str, Any] = {
    "monitor": "val/accuracy",
    "task": {"_target_": "tlx.tasks.multiclass.Multiclass"},
}


def run(folder: Path, name: str, values: list[float], phases: list[int]) -> Finished:
    place = folder / name
    place.mkdir()
    rows = "".join(f"{phase},{value}\n" for phase, value in zip(phases, values, strict=True))
    (place / "metrics.csv").write_text("phase,val/accuracy\n" + rows)
    return Finished(place, 0, {"train/seconds": 12.0})


def compared(folder: Path, transfer: list[list[float]], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module, "epoch_flops", lambda job: {"transfer": [10, 30], "scratch": [40]}[job])

    class Makers:
        @staticmethod
        def job(config: dict[str, Any]) -> str:
            return str(config["arm"])

    given = Given(CONFIG, folder, Makers(), lambda line: None)  # type: ignore[arg-type]
    arms = [Arm(name, CONFIG | {"arm": name}) for name in ("transfer", "scratch")]
    runs = [run(folder, f"t{n}", values, [0, 0, 1]) for n, values in enumerate(transfer)]
    scratch = [
        run(folder, "s0", [0.1, 0.6, 0.5], [0, 0, 0]),
        run(folder, "s1", [0.2, 0.3, 0.8], [0, 0, 0]),
    ]
    return saved(given, (arms[0], runs), (arms[1], scratch))


def test_the_first_epoch_as_good_as_the_mean_of_the_best_from_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compared(tmp_path, [[0.7, 0.9, 0.9], [0.2, 0.5, 0.75]], monkeypatch)
    assert found.target == pytest.approx(0.7)
    assert (found.reached, found.transfer_epochs, found.scratch_epochs) == (2, 2.0, 2.5)
    assert found.transfer_flops == pytest.approx((10 + 50) / 2)
    assert found.scratch_flops == pytest.approx((80 + 120) / 2)
    assert found.transfer_seconds == pytest.approx((12 * 10 / 50 + 12) / 2)
    assert found.scratch_seconds == pytest.approx((8 + 12) / 2)


def test_where_no_run_comes_so_far_nothing_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compared(tmp_path, [[0.1, 0.2, 0.3]], monkeypatch)
    assert (found.reached, found.transfer_epochs, found.transfer_seconds, found.transfer_flops) == (
        0,
        None,
        None,
        None,
    )
