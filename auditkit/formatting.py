"""How numbers are written: in one place, for sentences, verdicts and every format.

Rates in percent, gaps in points (never "%"), ratios with a leading zero; one decimal; a true minus sign; never "−0.0".
Errors of a regression, and whatever else the catalogue calls a number, are plain numbers in the unit of the target.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from auditkit.records import Comparison, Estimate

NOTHING = "–"
"""Written where there is no number."""
BOUNDS = "bounds"
"""A method of an Estimate that begins so gives bounds that no sampling is behind: no confidence interval."""


def decimals(x: float | None, digits: int = 1) -> str:
    """A plain number.

    >>> decimals(-0.04), decimals(-1.25), decimals(None)
    ('0.0', '−1.2', '–')
    """
    if x is None:
        return NOTHING
    text = f"{x:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def percent(x: float | None) -> str:
    """A rate.

    >>> percent(0.0725)
    '7.2%'
    """
    return NOTHING if x is None else f"{decimals(100 * x)}%"


def points(x: float | None) -> str:
    """A difference of rates, in percentage points, without the word.

    >>> points(0.1812)
    '18.1'
    """
    return NOTHING if x is None else decimals(100 * x)


def quotient(x: float | None) -> str:
    """A ratio.

    >>> quotient(0.294)
    '0.29'
    """
    return decimals(x, 2)


def plain(x: float | None) -> str:
    """A number that is no share: three significant digits, none invented for what is nearly 0.

    >>> plain(0.07249), plain(1234.5), plain(-2.0), plain(3e-9), plain(None)
    ('0.0725', '1,234', '−2.00', '<0.001', '–')
    """
    if x is None:
        return NOTHING
    size = abs(x)
    if 0 < size < 0.001:
        return "<0.001" if x > 0 else ">−0.001"
    return f"{x:,.{_digits(size)}f}".replace("-", "−")


def _digits(size: float) -> int:
    """Decimals of three significant digits."""
    return 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 or size == 0 else 3 if size >= 0.1 else 4


def measured(x: float | None, unit: str, *, named: bool = True) -> str:
    """A number in a unit of its own.

    >>> measured(3.7, "kg"), measured(-1200.0, "kg", named=False)
    ('3.7 kg', '−1,200')
    """
    text = plain(x)
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text} {unit}" if named and x is not None else text


def in_unit(x: float | str | None, unit: str, *, named: bool = True) -> str:
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


def beside(x: float | None, unit: str, limit: float | None, *, named: bool = True) -> str:
    """`in_unit` of a value that stands beside a limit, in as many digits as keep it on its own side.

    >>> beside(0.0502, "points", 0.05), beside(0.138, "points", 0.05), beside(0.79996, "ratio", 0.8)
    ('5.02', '13.8', '0.79996')
    >>> beside(0.98571, "percent", 0.986), beside(0.05, "points", 0.05)
    ('98.57%', '5.0')
    """
    if x is None or limit is None or x == limit:
        return in_unit(x, unit, named=named)
    scale = 100 if unit in ("percent", "points") else 1
    usual = {"percent": 1, "points": 1, "ratio": 2}.get(unit, _digits(abs(x)))
    digits = next((d for d in range(usual, _MOST) if _apart(scale * x, scale * limit, d)), _MOST)
    if digits == usual:
        return in_unit(x, unit, named=named)
    text = decimals(scale * x, digits)
    return (
        f"{text}%" if unit == "percent" and named else text if scale > 1 or unit in ("ratio", "") else f"{text} {unit}"
    )


_MOST = 12


def _apart(x: float, limit: float, digits: int) -> bool:
    written = float(f"{x:.{digits}f}")
    return written > limit if x > limit else written < limit


def _number(x: float | None) -> str:
    return f"{x:,}".replace("-", "−") if isinstance(x, int) else plain(x)


def unit_for(comparison: Comparison, of: str = "share") -> str:
    """The unit of a comparison of a metric that is written as `of` says, in the words of `in_unit`.

    >>> unit_for("overall"), unit_for("difference"), unit_for("ratio"), unit_for("difference", "kg")
    ('percent', 'points', 'ratio', 'kg')
    """
    if of == "measure":
        return ""
    if comparison.startswith("ratio") or of == "number":
        return "ratio"
    if of == "share":
        return "points" if comparison.startswith("difference") else "percent"
    return of


def quantity(
    x: float | None, comparison: Comparison, *, unit: bool = True, of: str = "share", limit: float | None = None
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
    return f"{text} points" if own == "points" and unit and x is not None else text


def limit(x: float, comparison: Comparison, *, of: str = "share") -> str:
    """A limit of a policy: in full, never rounded, without zeros that say nothing.

    >>> limit(0.05, "difference"), limit(0.8, "ratio"), limit(0.8451, "overall"), limit(1500.0, "overall", of="kg")
    ('5 points', '0.80', '84.51%', '1,500 kg')
    """
    unit = unit_for(comparison, of)
    number = f"{100 * x if unit in ('percent', 'points') else x:,.8g}".replace("-", "−")
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
    """An interval in a sentence, its ends as `write` says.

    >>> interval_in(Estimate(value=2.0, low=1.0, high=3.5), plain)
    '95% interval 1.00 to 3.50'
    """
    if e.low is None and e.high is None:
        return "no interval"
    return f"{confidence(e.level)} interval {write(e.low)} to {write(e.high)}"


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
