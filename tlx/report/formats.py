"""How numbers and names are written, on pages and on the console."""

import math
import re
import unicodedata
from typing import Any

from tlx.figures import FIGURES

__all__ = [
    "DASH",
    "FIXED_SPACE",
    "LONG_NAME",
    "MISSING",
    "count",
    "decimal",
    "duration",
    "figure",
    "finite",
    "label",
    "millions",
    "percent",
    "percent_range",
    "place",
    "points",
    "rate",
    "size",
    "words",
]

MISSING = DASH = "\u2013"
KILOBYTE, MEGABYTE, GIGABYTE = 1e3, 1e6, 1e9
MINUS = "\u2212"
FIXED_SPACE = "\u00a0"  # a space that does not break
LONG_NAME = 120
"""The limit of a name that is several words of a command line, of an arm or a candidate."""


def label(text: Any, limit: int = 60) -> str:
    r"""A name from outside as one line of at most `limit` characters.

    White space is collapsed; control characters, direction overrides and lone surrogates become U+FFFD;
    a name too long loses its middle. Escaping is the business of whoever writes the HTML.

    >>> label("a\nb"), label("x" * 99, limit=9), label("")
    ('a b', 'xxxx…xxxx', '(empty)')
    """
    raw = str(text)
    if len(raw) > 4 * limit:
        raw = raw[: 2 * limit] + raw[-2 * limit :]
    line = " ".join(raw.split())
    line = "".join("\ufffd" if _is_unsafe(character) else character for character in line)
    if not line:
        return "(empty)"
    if len(line) <= limit:
        return line
    keep = max(limit - 1, 1)
    tail = keep // 2
    return line[: keep - tail] + "…" + (line[-tail:] if tail else "")


def place(path: Any) -> str:
    """A path short: its last two parts, the folder of a file often being its class.

    >>> place("/data/insects/train/ants/7.jpg"), place("row 3")
    ('ants/7.jpg', 'row 3')
    """
    return "/".join(str(path).split("/")[-2:])


def _is_unsafe(character: str) -> bool:
    joins = character in "\u200c\u200d"  # they belong to scripts and emoji
    return unicodedata.category(character) in ("Cc", "Cf", "Cs") and not joins


def finite(value: Any) -> float | None:
    """The value as a number, or None where it is none or not finite.

    >>> finite("0.5"), finite("nan"), finite(None)
    (0.5, None, None)
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def percent(share: Any, digits: int = 1) -> str:
    """A share in [0, 1] as a percentage.

    >>> percent(0.9234).replace(FIXED_SPACE, " "), percent(None) == MISSING
    ('92.3 %', True)
    """
    number = finite(share)
    return MISSING if number is None else f"{100 * number:.{digits}f}{FIXED_SPACE}%"


def percent_range(bounds: tuple[float, float] | None, digits: int = 1) -> str:
    """Two shares as a range of percentages.

    >>> percent_range((0.9, 0.95)).replace(FIXED_SPACE, " ").replace(DASH, "-")
    '90.0-95.0 %'
    """
    if bounds is None:
        return MISSING
    return f"{100 * bounds[0]:.{digits}f}{DASH}{100 * bounds[1]:.{digits}f}{FIXED_SPACE}%"


def decimal(value: Any, digits: int = 3) -> str:
    """A number with fixed digits.

    >>> decimal(0.12345), decimal("nan") == MISSING
    ('0.123', True)
    """
    number = finite(value)
    if number is None:
        return MISSING
    return f"{number:.{digits}f}" if abs(number) < 1e6 else f"{number:.{digits}g}"


def points(share: Any, digits: int = 1) -> str:
    """A difference of shares in [-1, 1] in points of a percentage.

    >>> points(-0.1234).replace(FIXED_SPACE, " ") == MINUS + "12.3 points", points(None) == MISSING
    (True, True)
    """
    number = finite(share)
    if number is None:
        return MISSING
    return f"{100 * number:.{digits}f}".replace("-", MINUS) + f"{FIXED_SPACE}points"


def figure(name: str, value: Any) -> str:
    """The value of a figure: a percentage for a share, points for a difference of shares, else four digits.

    >>> figure("accuracy", 0.5).replace(FIXED_SPACE, " "), figure("mae", 1234.56), figure("mae", 0.00012)
    ('50.0 %', '1235', '0.00012')
    """
    number = finite(value)
    if number is None:
        return MISSING
    known = FIGURES.get(name)
    if known is not None and known.share:
        return points(number) if known.signed else percent(number)
    return decimal(number) if abs(number) < 10 and round(number, 3) else f"{number:.4g}"


def words(name: str) -> str:
    """A figure's name within a sentence.

    >>> words("mae"), words("r2"), words("unheard_of")
    ('mean absolute error', 'R squared', 'unheard of')
    """
    known = FIGURES.get(name)
    if known is None:
        return name.replace("_", " ")
    return known.title if known.title.startswith("R ") else known.title[0].lower() + known.title[1:]


def count(value: Any) -> str:
    """A whole number with its thousands apart.

    >>> count(1235496)
    '1,235,496'
    """
    number = finite(value)
    return MISSING if number is None else f"{round(number):,}"


def millions(value: Any) -> str:
    """A number of parameters, short.

    >>> [millions(number).replace(FIXED_SPACE, " ") for number in (11689512, 5130, 10)]
    ['11.7 M', '5.1 k', '10']
    """
    number = finite(value)
    if number is None:
        return MISSING
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f}{FIXED_SPACE}{unit}"
    return f"{number:.0f}"


def rate(value: Any) -> str:
    """A learning rate, short.

    >>> rate(0.001), rate(0.00003), rate(0.0)
    ('0.001', '3e-5', '0')
    """
    number = finite(value)
    return MISSING if number is None else re.sub(r"e([+-])0*", r"e\1", f"{number:.3g}").replace("e+", "e")


def duration(seconds: Any) -> str:
    """A length of time.

    >>> [duration(number).replace(FIXED_SPACE, " ") for number in (0.52, 83, 7384)]
    ['0.5 s', '1 min 23 s', '2 h 3 min']
    """
    number = finite(seconds)
    if number is None:
        return MISSING
    if number < 59.95:
        return f"{number:.1f}{FIXED_SPACE}s"
    minutes, rest = divmod(round(number), 60)
    if minutes < 60:
        return f"{minutes}{FIXED_SPACE}min {rest}{FIXED_SPACE}s"
    return f"{minutes // 60}{FIXED_SPACE}h {minutes % 60}{FIXED_SPACE}min"


def size(count: float) -> str:
    """Bytes for people.

    >>> size(12_300), size(64_000_000), size(2_500_000_000)
    ('12.3 kB', '64.0 MB', '2.5 GB')
    """
    for least, unit in ((GIGABYTE, "GB"), (MEGABYTE, "MB")):
        if count >= least:
            return f"{count / least:.1f} {unit}"
    return f"{count / KILOBYTE:.1f} kB"
