from dataclasses import replace

from tlx.protocols.comparison.saved import Saved
from tlx.protocols.results.gain import ArmResult, GainResult, doubts

ARM = ArmResult("transfer", "full", 1.0, {"1": 0.5}, (0.5,), 0.5, (3,), (1.0,), 0)
RESULT = GainResult(
    figure="accuracy",
    higher=True,
    gain=0.25,
    low=0.1,
    high=0.4,
    verdict="positive transfer",
    margin=0.01,
    reported_on="test",
    samples=10,
    seeds=(0,),
    tuned_on=(0,),
    max_epochs=3,
    transfer=ARM,
    scratch=replace(ARM, name="scratch", mean=0.25),
    majority=0.1,
    neighbours=0.4,
    saved=Saved(0.5, 0, None, 1.0, None, 1.0, None, 1.0),
    labels=(),
    all_labels=5,
    also=(),
    corrupted=None,
    warnings=(),
)


def test_a_sweep_compares_the_gain_and_what_it_is_the_difference_of() -> None:
    figures = RESULT.figures()
    assert figures == {
        "test/gain": 0.25,
        "test/with_transfer": 0.5,
        "test/from_scratch": 0.25,
        "test/gain_low": 0.1,
        "test/gain_high": 0.4,
    }
    assert replace(RESULT, reported_on="val").figures().keys() == {
        key.replace("test", "val") for key in figures
    }
    assert RESULT.texts() == {"verdict": "positive transfer"}


def test_of_numbers_it_is_the_error_that_was_saved() -> None:
    figures = replace(RESULT, figure="mae", higher=False).figures()
    bounds = {"test/error_saved_low": 0.1, "test/error_saved_high": 0.4}
    assert figures == {"test/error_saved": 0.25, **bounds}


def test_what_is_thin_about_a_gain_is_said_and_nothing_of_who_is_ahead() -> None:
    cut = replace(ARM, name="scratch", values=(0.5, 0.6), cut_short=2)
    late = (
        "2 of 2 runs from scratch were best in the last tenth of their epochs: with more of them scratch may "
        "do better. The gain is that of this budget."
    )
    few = "seeds: a demonstration. Five or more make the interval worth reading."
    assert doubts("test", cut, ARM, 0.5) == (late, f"2 {few}")
    (one,) = doubts("test", replace(ARM, values=(0.5,)), ARM, 0.5)
    assert one.startswith("1 seed: a demonstration. The verdict is on these two runs")
    (val,) = doubts("val", replace(ARM, values=(0.5,) * 5, cut_short=2), ARM, 0.5)
    assert val.startswith("There is no test split")


def test_an_arm_that_is_no_better_than_one_answer_is_a_doubt() -> None:
    (said,) = doubts("test", replace(ARM, values=(0.5,) * 5), ARM, 0.587, ["scratch"])
    assert said.startswith("What was learnt from scratch is not shown to be better than one answer for all")
    assert "which has 0.587: a gain or a harm may be one of shares of classes" in said
    (numbers,) = doubts("test", replace(ARM, values=(0.5,) * 5), ARM, 1.5, ["scratch"], share=False)
    assert "which has an error of 1.500: a gain or a harm may be one of the level" in numbers
    assert "classes" not in numbers


def test_a_rate_at_the_end_of_the_grid_is_a_doubt() -> None:
    grid = {"0.3": 0.5, "1": 0.6, "3": 0.4}
    within = replace(ARM, values=(0.5,) * 5, rates=grid, rate=1.0)
    high = replace(within, name="scratch", rate=3.0)
    assert doubts("test", replace(high, rate=1.0), within, 0.5) == ()
    (said,) = doubts("test", high, within, 0.5)
    assert said.startswith("The best rate from scratch is the highest that was tried: one beyond it")
    (both,) = doubts("test", high, replace(within, rate=0.3), 0.5)
    assert "from scratch is the highest that was tried and with transfer is the lowest" in both
