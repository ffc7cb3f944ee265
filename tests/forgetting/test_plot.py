import re
import xml.etree.ElementTree as ElementTree

from scripts.forgetting.grid import STRENGTHS
from scripts.forgetting.plot import LOOKS, standalone, tradeoff
from tests.forgetting.result import made_up

SVG = "{http://www.w3.org/2000/svg}"


def test_the_plot_is_a_file_of_its_own_with_a_curve_for_each_method() -> None:
    drawn = tradeoff(made_up())
    root = ElementTree.fromstring(drawn)
    assert root.tag == f"{SVG}svg"
    said = {"".join(text.itertext()).strip() for text in root.iter(f"{SVG}text")}
    assert {"none", "ewc", "10", "1000", "the original network"} <= said
    assert not {"lwf", "replay"} & said
    assert drawn == tradeoff(made_up())


def test_every_colour_of_the_page_that_it_uses_is_in_it() -> None:
    drawn = tradeoff(made_up())
    used = set(re.findall(r"var\((--\w+)\)", drawn))
    assert used
    assert used <= set(re.findall(r"(--\w+): #", drawn))
    assert standalone('<svg viewBox="0 0 1 1"></svg>').count("<svg") == 1


def test_bars_are_drawn_where_there_is_an_interval_alone() -> None:
    alone = made_up()
    alone["runs"] = [run for run in alone["runs"] if run["seed"] == 0]
    bars = "LineCollection"
    assert tradeoff(alone).count(bars) == 0
    assert tradeoff(made_up()).count(bars) == 4  # none and the strong one, across and up


def test_every_method_of_the_grid_has_a_look() -> None:
    assert list(LOOKS) == list(STRENGTHS)
    assert len({(look.mark, look.side) for look in LOOKS.values()}) == len(LOOKS)
