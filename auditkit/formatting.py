"""How numbers are written: in one place, for sentences, verdicts and every format.

Rates in percent, gaps in points (never "%"), ratios with a leading zero; one decimal, two significant digits, and as
many as an interval needs to be told from its value; a true minus sign; never "−0.0".
Errors of a regression, and whatever else the catalogue calls a number, are plain numbers in the unit of the target.
"""

from __future__ import annotations

import functools
import math
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

from auditkit.records import CHANGES, Comparison, Estimate

NOTHING = "–"
"""Written where there is no number."""
BOUNDS = "bounds over every placement"
"""A method of an Estimate that begins so gives bounds that no sampling is behind: no confidence interval."""


class Like(float):
    """A number that is written to the digits of an estimate: one of its ends, or its size without the sign.

    >>> e = Estimate(value=-0.0725, low=-0.0731, high=-0.0719)
    >>> points(Like(0.0725, e)), points(0.0725)
    ('7.25', '7.2')
    """

    of: Estimate

    def __new__(cls, x: float, of: Estimate) -> Like:
        """See the class."""
        found = super().__new__(cls, x)
        found.of = of
        return found


Number = float | Estimate | None
"""What is written: of an estimate its value, to as many digits as its interval."""

MOST_DECIMALS = 6
"""Beyond, a number is written with a power of ten."""
_NOISE = 1e-12
"""What is smaller is a rounding error of double precision, and 0, where no interval says otherwise."""
_DIGITS = 6
"""Significant digits to which two ends may be equal."""


class Style(NamedTuple):
    """How numbers of a unit are written: the decimals that they have at least, and the digits that widths need."""

    scale: float = 1.0
    least: int = 0
    width: int = 1
    """Significant digits of half the interval."""
    lone: int = 2
    """Significant digits of a number without an interval."""

    def of(self, x: float) -> float:
        """The number that is written; the largest that there is where 100 times it would be none."""
        return max(-sys.float_info.max, min(self.scale * x, sys.float_info.max))


SHARE = Style(100.0, 1)
RATIO = Style(1.0, 2)
PLAIN = Style(1.0, 0, 2, 3)


def digits(x: Number, style: Style = SHARE) -> int:
    """Decimals to which a number is written, two significant digits at least.

    A number and the ends of its interval have the same: as many as the smaller of the number and half its interval
    needs, so that they can be told apart. A number far below its interval, a fiftieth of it, needs no more.

    >>> digits(0.1812), digits(0.0003), digits(Estimate(value=0.0012, low=0.0009, high=0.0016))
    (1, 3, 2)
    """
    e = x if isinstance(x, Estimate) else x.of if isinstance(x, Like) else None
    if e is None:
        return style.least if x is None else max(style.least, _needed(style.of(float(x)), style.lone))  # type: ignore[arg-type]
    return _between(e.value, e.low, e.high, style)


@functools.lru_cache(maxsize=4096)
def _between(value: float | None, low: float | None, high: float | None, style: Style) -> int:
    """`digits` of an estimate, which is asked for the value and for each end, wherever they are drawn."""
    if low is None or high is None or value is None:
        known = [style.of(v) for v in (value, low, high) if v is not None]
        return max(style.least, min(max([_needed(v, 2) for v in known], default=0), MOST_DECIMALS))
    ends = [style.of(v) for v in (low, value, high)]
    half = ends[2] / 2 - ends[0] / 2
    if half <= max(map(abs, ends)) * 10.0**-_DIGITS / 2:  # both ends are one number
        return max(style.least, _needed(ends[1], style.lone))
    most = _needed(half, 2) + 1
    own = [_needed(ends[1], 2), *(_needed(v, 1) for v in (ends[0], ends[2]) if v)]
    wide = max(_needed(half, style.width), min(max(own), most))
    while _rounded(ends[0], wide) == _rounded(ends[2], wide):
        wide += 1
    return max(style.least, wide)


def _needed(x: float, digits: int) -> int:
    """Decimals that show so many significant digits of a number; 2 for 0 itself."""
    return digits - 1 - math.floor(math.log10(abs(x))) if abs(x) > _NOISE else 0


def _rounded(x: float, places: int) -> float:
    return float(f"{x:.{places}f}") if places >= 0 else x


def _written(x: Number, style: Style) -> str:
    if isinstance(x, Estimate):
        x = None if x.value is None else Like(x.value, x)
    if x is None:
        return NOTHING
    places = digits(x, style)
    return decimals(style.of(x), max(places, 0))


def decimals(x: float | None, digits: int = 1) -> str:
    """A plain number; beyond six decimals with a power of ten.

    >>> decimals(-0.04), decimals(-1.25), decimals(1234.5), decimals(None), decimals(3.14e-8, 9)
    ('0.0', '−1.2', '1,234.5', '–', '3.1×10⁻⁸')
    """
    if x is None:
        return NOTHING
    text = f"{x:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = f"{0:.{min(digits, 2)}f}"
    elif digits > MOST_DECIMALS and abs(x) < 1:
        power = math.floor(math.log10(abs(float(text))))
        mantissa, _, power_text = f"{float(text):.{max(digits + power, 0)}e}".partition("e")
        text = f"{mantissa}×10{str(int(power_text)).translate(_SUPERSCRIPT)}"
    return text.replace("-", "−")


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def percent(x: Number) -> str:
    """A rate: one decimal, and two significant digits.

    >>> percent(0.0725), percent(0.0003), percent(Estimate(value=0.001, low=0.0008, high=0.0013))
    ('7.2%', '0.030%', '0.10%')
    """
    text = _written(x, SHARE)
    return text if text == NOTHING else f"{text}%"


def points(x: Number) -> str:
    """A difference of rates, in percentage points, without the word.

    >>> points(0.1812), points(-0.0003)
    ('18.1', '−0.030')
    """
    return _written(x, SHARE)


def quotient(x: Number, least: int = 2) -> str:
    """A ratio, with so many decimals at least.

    >>> quotient(0.294), quotient(0.0031)
    ('0.29', '0.0031')
    """
    return _written(x, RATIO._replace(least=least))


def plain(x: Number) -> str:
    """A number that is no share: three significant digits; as many as its interval where it has one.

    >>> plain(0.07249), plain(1234.5), plain(-2.0), plain(3e-9), plain(0.0), plain(None)
    ('0.0725', '1,234', '−2.00', '3.00×10⁻⁹', '0.00', '–')
    >>> plain(Estimate(value=0.771, low=0.101, high=1.42))
    '0.77'
    """
    lone = x if isinstance(x, float | int) and not isinstance(x, Like) else None
    return "0.00" if lone is not None and abs(lone) <= _NOISE else _written(x, PLAIN)


def measured(x: Number, unit: str, *, named: bool = True) -> str:
    """A number in a unit of its own.

    >>> measured(3.7, "kg"), measured(-1200.0, "kg", named=False)
    ('3.7 kg', '−1,200')
    """
    text = plain(x)
    kept = isinstance(x, Estimate | Like) or "×" in text or "." not in text
    text = text if kept else text.rstrip("0").rstrip(".")
    return f"{text} {unit}" if named and text != NOTHING else text


def in_unit(x: Number | str, unit: str, *, named: bool = True) -> str:
    """A cell of an exhibit: words as they are, counts with separators, other numbers in their unit.

    `named=False` is for what stands beside a value that names the unit.

    >>> in_unit(0.0725, "percent"), in_unit(0.0725, "points"), in_unit(0.8, "ratio"), in_unit(14654, "")
    ('7.2%', '7.2', '0.80', '14,654')
    >>> in_unit(3.7, "kg"), in_unit(0.07, "percent", named=False)
    ('3.7 kg', '7.0')
    """
    if isinstance(x, str):
        return x
    match unit:
        case "percent":
            return percent(x) if named else points(x)
        case "points":
            return points(x)
        case "ratio":
            return quotient(x)
        case "" | "verdict":
            return _number(x)
    return measured(x, unit, named=named)


def beside(x: Number, unit: str, limit: float | None, *, named: bool = True) -> str:
    """`in_unit` of a value that stands beside a limit, in as many digits as keep it on its own side.

    >>> beside(0.0502, "points", 0.05), beside(0.138, "points", 0.05), beside(0.79996, "ratio", 0.8)
    ('5.02', '13.8', '0.79996')
    >>> beside(0.98571, "percent", 0.986), beside(0.05, "points", 0.05)
    ('98.57%', '5.0')
    """
    value = x.value if isinstance(x, Estimate) else x
    if value is None or limit is None or value == limit:
        return in_unit(x, unit, named=named)
    style = SHARE if unit in ("percent", "points") else RATIO if unit == "ratio" else PLAIN
    usual = max(digits(x, style), 0)
    places = next((d for d in range(usual, _MOST) if _sided(style.of(value), style.of(limit), d)), _MOST)
    if places == usual:
        return in_unit(x, unit, named=named)
    text = decimals(style.of(value), places)
    return f"{text}%" if unit == "percent" and named else text if style is not PLAIN or not unit else f"{text} {unit}"


_MOST = 12


def _sided(x: float, limit: float, places: int) -> bool:
    written = _rounded(x, places)
    return written > limit if x > limit else written < limit


def _number(x: Number) -> str:
    return f"{x:,}".replace("-", "−") if isinstance(x, int) else plain(x)


def unit_for(comparison: Comparison, of: str = "share") -> str:
    """The unit of a comparison of a metric that is written as `of` says, in the words of `in_unit`.

    >>> unit_for("overall"), unit_for("difference"), unit_for("ratio"), unit_for("difference", "kg")
    ('percent', 'points', 'ratio', 'kg')
    """
    if comparison.startswith("ratio") or of == "number":
        return "ratio"
    if of == "measure":
        return ""
    if of == "share":
        return "points" if comparison.startswith("difference") or comparison in CHANGES else "percent"
    return of


def quantity(
    x: Number, comparison: Comparison, *, unit: bool = True, of: str = "share", limit: float | None = None
) -> str:
    """A value in the unit of its comparison and its metric; `limit`: that it is held against, as in `beside`.

    >>> quantity(0.138, "difference"), quantity(0.29, "ratio"), quantity(0.857, "overall")
    ('13.8 points', '0.29', '85.7%')
    >>> quantity(0.021, "overall", of="points"), quantity(0.93, "overall", of="number")
    ('2.1 points', '0.93')
    >>> quantity(12.34, "difference", of="measure")
    '12.3'
    """
    own = unit_for(comparison, of)
    text = beside(x, own, limit, named=unit)
    return f"{text} points" if own == "points" and unit and text != NOTHING else text


def limit(x: float, comparison: Comparison, *, of: str = "share") -> str:
    """A limit of a policy: in full, never rounded, without zeros that say nothing.

    >>> limit(0.05, "difference"), limit(0.8, "ratio"), limit(0.8451, "overall"), limit(1500.0, "overall", of="kg")
    ('5 points', '0.80', '84.51%', '1,500 kg')
    """
    unit = unit_for(comparison, of)
    number = f"{SHARE.of(x) if unit in ('percent', 'points') else x:,.8g}".replace("-", "−")
    match unit:
        case "":
            return number
        case "ratio":
            return max(quotient(x), number, key=len)
        case "percent":
            return f"{number}%"
        case "points":
            return f"{number} point{'' if number == '1' else 's'}"
    return f"{number} {unit}"


def confidence(level: float) -> str:
    """A level of confidence.

    >>> confidence(0.95), confidence(0.98765)
    ('95%', '98.77%')
    """
    return f"{100 * level:.4g}%"


def interval_in(e: Estimate, write: Callable[[float | None], str]) -> str:
    """An interval in a sentence, its ends as `write` says, to the digits of the estimate.

    >>> interval_in(Estimate(value=2.0, low=1.0, high=3.5), plain)
    '95% interval 1.0 to 3.5'
    """
    if e.low is None and e.high is None:
        return "no interval"
    low, high = ends(e)
    return f"{confidence(e.level)} interval {write(low)} to {write(high)}"


def ends(e: Estimate) -> tuple[float | None, float | None]:
    """The ends of an interval, written to the digits that the estimate needs.

    >>> [percent(x) for x in ends(Estimate(value=0.5, low=0.4996, high=0.5004))]
    ['49.96%', '50.04%']
    """
    return (None if e.low is None else Like(e.low, e), None if e.high is None else Like(e.high, e))


def interval(e: Estimate, comparison: Comparison, *, of: str = "share") -> str:
    """An interval in a sentence.

    >>> interval(Estimate(value=0.1, low=0.05, high=0.15), "difference")
    '95% interval 5.0 to 15.0'
    """
    return interval_in(e, lambda x: in_unit(x, unit_for(comparison, of)))


def listed(parts: Sequence[str]) -> str:
    """Parts as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else list(parts))


def upper_first(text: str) -> str:
    """Text as the beginning of a sentence; the rest as it is.

    >>> upper_first("women of USA")
    'Women of USA'
    """
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    """Text inside a sentence; the rest as it is.

    >>> lower_first("Women of USA")
    'women of USA'
    """
    return text[:1].lower() + text[1:]


def printable(text: str) -> str:
    """One line that neither a terminal nor a CI runner obeys: for whatever is printed and was written by others.

    Control characters, line breaks, bidi controls, zero-width and lone surrogates are replaced; runners read commands
    behind `::` and `##`, which are set apart.

    >>> printable("a\\n::error::b"), printable("##[set-output x]")
    ('a�: :error: :b', '# #[set-output x]')
    """
    shown = "".join(" " if c == "\t" or unicodedata.category(c) == "Zs" else c if _seen(c) else _INSTEAD for c in text)
    while "::" in shown or "##" in shown:
        shown = shown.replace("::", ": :").replace("##", "# #")
    return shown


_INSTEAD = "\N{REPLACEMENT CHARACTER}"
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""Letters and marks that nobody sees."""


def _seen(c: str) -> bool:
    return c.isprintable() and not _UNSEEN.match(c)


def utf8(text: str) -> str:
    """Text that can be written as UTF-8: halves of characters (bytes of a command line that are none) are replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
