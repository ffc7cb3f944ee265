from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.origin.known import job_with_heads, known_job, origin_on
from tlx.errors import ConfigError
from tlx.forgetting import Place, bytes_noted, forgetting, in_words, note_before, told_right
from tlx.functional.intervals import paired_difference
from tlx.origin.origin import Origin, measured
from tlx.regularizers.ewc import EWC
from tlx.regularizers.l2sp import L2SP
from tlx.regularizers.lwf import LwF
from tlx.regularizers.replay import Replay
from tlx.strategies.feature_extraction import feature_extraction
from tlx.strategies.scratch import scratch
from tlx.trainer import World
from tlx.types import FrontierValues, Inputs

HERE = Place(World(), torch.device("cpu"), nullcontext)
BEFORE = "source_before.npy"


def answering(origin: Origin, right: list[bool]) -> object:
    """A network that tells so many samples right, in order."""
    assert origin.source is not None
    known = origin.labels(measured(origin.source))
    asked = iter(range(10**6))

    def answer(inputs: Inputs | FrontierValues) -> torch.Tensor:
        assert torch.is_tensor(inputs)
        rows = [next(asked) for _ in range(len(inputs))]
        chosen = [
            (known[row] + (0 if right[row] else 1)) % 3 if row < len(known) else 0 for row in rows
        ]  # what fills up the last batch is not counted
        return torch.nn.functional.one_hot(torch.tensor(chosen), 3).float()

    return answer


def test_a_sample_is_told_right_whose_original_class_comes_first(tmp_path: Path) -> None:
    origin, _ = origin_on(tmp_path)
    right = [bool(row % 3) for row in range(17)]
    assert told_right(origin, answering(origin, right), HERE).tolist() == right


def test_of_several_heads_the_one_that_knows_the_class_chooses(tmp_path: Path) -> None:
    """Whatever the other heads say, whose answers here are all greater."""
    origin, _ = origin_on(tmp_path, job_with_heads())
    assert origin.source is not None and [len(group) for group in origin.groups] == [2, 2]
    known = origin.labels(measured(origin.source))
    assert {0, 1, 2} <= set(known.tolist())
    right = [bool(row % 3) for row in range(len(known))]
    asked = iter(range(10**6))

    def answer(inputs: Inputs | FrontierValues) -> torch.Tensor:
        assert torch.is_tensor(inputs)
        logits = torch.full((len(inputs), 4), 5.0)
        for logit, row in zip(logits, asked, strict=False):
            label = int(known[row]) if row < len(known) else 0
            beside = label ^ 1  # the other class of its head
            logit[label], logit[beside] = (1.0, 0.0) if row < len(known) and right[row] else (0.0, 1.0)
        return logits

    assert told_right(origin, answer, HERE).tolist() == right


def test_what_is_lost_is_before_minus_after_on_the_same_samples(tmp_path: Path) -> None:
    origin, _ = origin_on(tmp_path)
    np.save(tmp_path / BEFORE, np.array([True] * 12 + [False] * 5))
    after = [False] * 4 + [True] * 9 + [False] * 4  # four lost, one won
    found = forgetting(origin, answering(origin, after), HERE)
    low, high = paired_difference(4, 1, 17)
    assert found == {
        "source/accuracy_before": 12 / 17,
        "source/accuracy_after": 9 / 17,
        "source/forgetting": pytest.approx(3 / 17),
        "source/forgetting_low": low,
        "source/forgetting_high": high,
        "source/samples": 17,
        "source/samples_seen": None,  # made-up samples have no bytes to compare
    }
    assert low < 3 / 17 < high


def test_words_say_what_was_measured_and_what_settings_became(tmp_path: Path) -> None:
    origin, _ = origin_on(tmp_path)
    terms = (EWC(draws=3), EWC(estimator="sampled"), LwF(), LwF(temperature=3.5, scaled=False), Replay())
    assert in_words(origin, terms) == {
        "source/data": "MadeUp",
        "source/split": "test",
        "source/held_on_by": [
            "ewc at strength 1000 (exact Fisher information)",
            "ewc at strength 1000 (sampled Fisher information)",
            "lwf at strength 1 (T 2, multiplied by T squared)",
            "lwf at strength 1 (T 3.5, not multiplied by T squared)",
            "replay at strength 1",
        ],
    }


@pytest.mark.parametrize("strategy", [scratch, feature_extraction])
def test_nothing_is_said_to_hold_on_where_nothing_trains_that_was_known(
    strategy: object, tmp_path: Path
) -> None:
    origin, _ = origin_on(tmp_path, known_job(strategy=strategy), trains=("head",))
    terms = (EWC(), LwF(), Replay(), L2SP())
    assert in_words(origin, terms)["source/held_on_by"] == []


def test_a_byte_is_kept_for_each_measured_sample(tmp_path: Path) -> None:
    """Beside the header of the file and the line that holds its hash."""
    origin, _ = origin_on(tmp_path)
    assert bytes_noted(origin) == 17 + 2 * 128
    note_before(origin, HERE)
    written = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert 17 < written <= bytes_noted(origin)
    assert bytes_noted(origin_on(tmp_path, known_job(knows=0))[0]) == 0


def test_what_was_measured_before_is_measured_once_and_again_where_it_is_damaged(tmp_path: Path) -> None:
    origin, _ = origin_on(tmp_path)
    note_before(origin, HERE)
    path = tmp_path / BEFORE
    written, content = path.stat().st_mtime_ns, path.read_bytes()
    note_before(origin, HERE)
    assert path.stat().st_mtime_ns == written
    path.write_bytes(content[:-1] + b"\x02")
    note_before(origin, HERE)
    assert path.read_bytes() == content


def test_without_a_source_nothing_is_measured(tmp_path: Path) -> None:
    origin, _ = origin_on(tmp_path, known_job(knows=0))
    with pytest.raises(ConfigError, match="there is no source"):
        told_right(origin, origin.network, HERE)
