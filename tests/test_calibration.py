import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from tlx import calibration
from tlx.calibration import Calibration, HeldOut, WithTemperature
from tlx.functional.calibration import HIGH, fit_temperature
from tlx.tasks.multiclass import Multiclass
from tlx.tasks.multilabel import Multilabel

CPU = torch.device("cpu")
NAMES = ("a", "b", "c", "d")


@pytest.fixture
def drawn() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(4, (90,), generator=generator)
    return 3 * torch.randn(90, 4, generator=generator) + F.one_hot(targets, 4), targets


@pytest.fixture
def answered(drawn: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return drawn[0], (torch.rand(90, 4, generator=generator) < 0.4).float()


def held(logits: Tensor, targets: Tensor, ids: Tensor | None = None, seed: int = 0) -> HeldOut:
    """What is kept of batches of 16 samples."""
    ids = torch.arange(len(logits)) if ids is None else ids
    kept = HeldOut(len(logits), logits.shape[1], seed)
    for rows in ids.split(16):
        kept.update(logits[rows], targets[rows], rows)
    return kept


@pytest.mark.parametrize("part", [1, 40, 2**20])
@pytest.mark.parametrize("what", ["drawn", "answered"])
def test_batches_have_the_temperature_of_the_whole(
    what: str, part: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "PART", part)
    logits, targets = request.getfixturevalue(what)
    found = held(logits, targets).fit(CPU)
    assert found == (pytest.approx(fit_temperature(logits, targets).value, rel=1e-12), 90, "minimum")
    assert found == held(logits, targets).fit(CPU)  # to the bit


def test_of_too_many_samples_some_are_drawn_by_the_seed_whoever_reads_them(
    drawn: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "LOGITS", 4 * 30 + 3)
    monkeypatch.setattr(calibration, "PART", 2**20)
    logits, targets = drawn
    chosen = torch.randperm(90, generator=torch.Generator().manual_seed(5))[:30].sort().values
    expected = fit_temperature(logits[chosen], targets[chosen]).value
    found = held(logits, targets, seed=5)
    assert found.fit(CPU) == (pytest.approx(expected, rel=1e-12), 30, "minimum")
    assert sum(len(part) for part, _ in found._parts) == 30
    other = held(logits, targets, seed=6).fit(CPU)
    assert (other.samples, other.value != pytest.approx(expected)) == (30, True)
    shares = [held(logits, targets, torch.arange(rank, 90, 2), seed=5) for rank in (0, 1)]
    for share in shares:
        share._close()
    together = torch.cat([share._parts[0][0] for share in shares])
    assert sorted(together[:, 0].tolist()) == sorted(logits[chosen, 0].tolist())


def test_what_is_kept_of_a_sample_is_small(
    drawn: tuple[Tensor, Tensor], answered: tuple[Tensor, Tensor]
) -> None:
    for (logits, targets), size in ((drawn, 4 * 4 + 4), (answered, 4 * 4 + 4 * 1)):
        kept = held(logits, targets)
        kept._close()
        assert sum(tensor.nbytes for part in kept._parts for tensor in part) == 90 * size


def test_samples_that_are_all_right_leave_the_probabilities_as_they_are() -> None:
    targets = torch.arange(12) % 4
    assert held(2.0 * F.one_hot(targets, 4), targets).fit(CPU) == Calibration(1.0, 12, "low")


def test_a_network_that_is_worse_than_guessing_is_made_unsure() -> None:
    targets = torch.arange(12) % 4
    assert held(2.0 * F.one_hot(targets, 4), (targets + 1) % 4).fit(CPU) == Calibration(HIGH, 12, "high")


def test_outputs_that_are_no_numbers_have_no_temperature(drawn: tuple[Tensor, Tensor]) -> None:
    logits, targets = drawn
    logits[17, 2] = torch.nan
    assert held(logits, targets).fit(CPU) == Calibration(1.0, 90, "none")
    assert HeldOut(90, 4, 0).fit(CPU) == Calibration(1.0, 0, "none")


def test_a_temperature_of_one_measures_what_the_task_does(
    drawn: tuple[Tensor, Tensor], answered: tuple[Tensor, Tensor]
) -> None:
    ids = torch.arange(90)
    for task, (logits, targets) in ((Multiclass(), drawn), (Multilabel(), answered)):
        scores, tried = task.scores(NAMES, targets.numpy(), nn.Identity()), WithTemperature(1.0)
        for rows in ids.split(16):
            scores.update(logits[rows], targets[rows], rows)
            tried.update(logits[rows], targets[rows], rows)
        measured, found = scores.result(), tried.result()
        assert found["reliability"] == measured["reliability"]
        for name, value in found["metrics"].items():
            assert value == pytest.approx(measured["metrics"][name], rel=1e-6)


def test_another_temperature_by_hand() -> None:
    tried = WithTemperature(2.0)
    tried.update(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([0, 0]), torch.arange(2))
    sure = torch.tensor([1.0, 2.0], dtype=torch.float64).sigmoid()
    found = tried.result()
    assert found["temperature"] == 2.0
    assert found["metrics"]["loss"] == pytest.approx(-(sure[0].log() + (1 - sure[1]).log()).item() / 2)
    assert found["metrics"]["calibration_error"] == pytest.approx((1 - sure[0] + sure[1]).item() / 2)
    assert sum(row["count"] for row in found["reliability"]) == 2


def test_a_trained_network_that_is_too_sure_is_less_so_on_samples_that_chose_nothing() -> None:
    x, y = load_digits(return_X_y=True)
    inputs, targets = torch.tensor(x / 16).float(), torch.tensor(y)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
        for _ in range(300):
            optimizer.zero_grad()
            F.cross_entropy(network(inputs[:100]), targets[:100]).backward()
            optimizer.step()
    with torch.inference_mode():
        logits = network(inputs)
    fitted = held(logits[100:900], targets[100:900]).fit(CPU)
    assert fitted.value > 1.5
    own, tried = WithTemperature(1.0), WithTemperature(fitted.value)
    for each in (own, tried):
        each.update(logits[900:], targets[900:], torch.arange(897))
    before, after = own.result()["metrics"], tried.result()["metrics"]
    assert after["calibration_error"] < before["calibration_error"] / 2
    assert after["loss"] < before["loss"]
