import pytest
import torch

from tlx.errors import ConfigError, NumericalError
from tlx.functional import near_copies as module
from tlx.functional.near_copies import near_copies


def rows(count: int, seed: int = 0, groups: int = 4) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    middles = 3 * torch.randn(groups, 16, generator=torch.Generator().manual_seed(99))
    return middles[torch.arange(count) % groups] + torch.randn(count, 16, generator=draw)


@pytest.mark.parametrize("seed", range(5))
def test_new_samples_are_no_copies(seed: int) -> None:
    found = near_copies(rows(400, seed), rows(200, seed + 100))
    assert found is not None
    assert len(found.queries) == 0
    assert 0 < found.threshold < 1


def test_copies_are_found_with_the_row_that_they_are_of() -> None:
    bank, others = rows(400), rows(200, 1)
    copied = torch.arange(0, 40)
    noise = 0.03 * torch.randn(40, 16, generator=torch.Generator().manual_seed(2))
    found = near_copies(bank, torch.cat([others, bank[copied] + noise]))
    assert found is not None
    assert found.queries.tolist() == [200 + place for place in copied.tolist()]
    assert found.rows.tolist() == copied.tolist()
    assert bool((found.nearness < found.threshold).all())


def test_copies_among_the_rows_do_not_hide_those_among_the_queries() -> None:
    bank = rows(400)
    bank[:30] = bank[60:90]
    found = near_copies(bank, bank[200:220])
    assert found is not None
    assert len(found.queries) == 20


def test_pieces_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    bank, asked = rows(300), torch.cat([rows(50, 1), rows(300)[:20]])
    whole = near_copies(bank, asked)
    monkeypatch.setattr(module, "BANK", 37)
    monkeypatch.setattr(module, "ASKED", 11)
    pieces = near_copies(bank, asked)
    assert whole is not None
    assert pieces is not None
    assert pieces.queries.tolist() == whole.queries.tolist()
    assert pieces.rows.tolist() == whole.rows.tolist()
    assert pieces.threshold == pytest.approx(whole.threshold)


def test_neither_scale_nor_place_nor_a_column_that_never_varies_matters() -> None:
    bank, asked = rows(300), torch.cat([rows(50, 1), rows(300)[:20]])
    still = torch.ones(300, 1), torch.ones(70, 1)
    plain, moved = (
        near_copies(bank, asked),
        near_copies(torch.cat([5 + 3 * bank, still[0]], 1), torch.cat([5 + 3 * asked, still[1]], 1)),
    )
    assert plain is not None
    assert moved is not None
    assert plain.queries.tolist() == moved.queries.tolist()
    assert moved.threshold == pytest.approx(plain.threshold, rel=1e-3)


def test_what_is_ordinary_is_not_known_of_few_rows() -> None:
    assert near_copies(rows(40), rows(10)) is None


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ConfigError, match="16"):
        near_copies(rows(60), torch.zeros(3, 4))
    with pytest.raises(ConfigError, match="chance"):
        near_copies(rows(60), rows(3), chance=0)
    with pytest.raises(ConfigError, match="floor"):
        near_copies(rows(60), rows(3), floor=1)
    with pytest.raises(NumericalError, match="not finite"):
        near_copies(rows(60), torch.full((3, 16), torch.nan))
