import pytest

from tlx.protocols.results.rank import Candidate, agreement_of, too_few


def test_over_four_candidates_each_score_says_how_well_it_foretold_fine_tuning() -> None:
    def scored(number: int) -> Candidate:
        leep = None if number == 3 else 0.1 * number
        return Candidate(
            "", 0.1 * number, leep, None, 1.0, -0.1 * number, 0.5, 8, 9, 36, 4, 0.1, 0.2 * number
        )

    held = {each.score: each for each in agreement_of([scored(number) for number in range(4)], True)}
    assert held["logme"].weighted_tau == pytest.approx(1)
    assert (held["logme"].low, held["logme"].candidates) == (None, 4)
    assert held["logme"].p == pytest.approx(2 / 24)
    assert held["neighbours"].weighted_tau == pytest.approx(-1)
    assert (held["h_score"].weighted_tau, held["h_score"].p) == (None, None)  # which is the same of all
    assert "leep" not in held  # of three candidates
    assert agreement_of([scored(number) for number in range(4)], False)[0].weighted_tau == pytest.approx(-1)


def test_what_is_said_of_too_few_tells_how_likely_their_order_is_by_chance() -> None:
    assert "3 candidates are in one order by chance in 1 of 6 cases" in too_few(3)
