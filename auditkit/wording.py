"""How numbers are written: in one place, for sentences, verdicts and every format.

Rates in percent, gaps in points (never "%"), ratios with a leading zero; one decimal; a true minus sign; never "−0.0".
"""

from __future__ import annotations

from auditkit.records import Comparison, Estimate

NOTHING = "–"
"""Written where there is no number."""


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


def quantity(x: float | None, comparison: Comparison, *, unit: bool = True) -> str:
    """A value in the unit of its comparison.

    >>> quantity(0.138, "difference"), quantity(0.29, "ratio"), quantity(0.857, "overall")
    ('13.8 points', '0.29', '85.7%')
    """
    if x is None:
        return NOTHING
    if comparison.startswith("ratio"):
        return quotient(x)
    if comparison.startswith("difference"):
        return f"{points(x)} points" if unit else points(x)
    return percent(x) if unit else points(x)


def limit(x: float, comparison: Comparison) -> str:
    """A limit of a policy: in full, never rounded, without zeros that say nothing.

    >>> limit(0.05, "difference"), limit(0.8, "ratio"), limit(0.8451, "overall")
    ('5 points', '0.80', '84.51%')
    """
    if comparison.startswith("ratio"):
        return max(quotient(x), f"{x:.8g}", key=len)
    number = f"{100 * x:.8g}"
    if not comparison.startswith("difference"):
        return f"{number}%"
    return f"{number} point{'' if number == '1' else 's'}"


def interval(e: Estimate, comparison: Comparison) -> str:
    """An interval in a sentence.

    >>> interval(Estimate(value=0.1, low=0.05, high=0.15), "difference")
    '95% interval 5.0 to 15.0'
    """
    unit = not comparison.startswith("difference")
    low, high = (quantity(x, comparison, unit=unit) for x in (e.low, e.high))
    return f"{100 * e.level:.4g}% interval {low} to {high}"
