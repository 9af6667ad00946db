"""Scores of a first configuration: where they decide, and between which ends they lie."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from auditkit.errors import DataError
from auditkit.inputs.scales import checked_range, known, numbers_in
from auditkit.starting.answers import Answers, column
from auditkit.starting.look import Look

_FROM = re.compile(r"(.+?)\s*>=\s*([-+0-9.eE]+)")


def from_on(look: Look, said: str) -> tuple[str, float] | None:
    """Column and threshold of an answer such as `score >= 580`; None for another answer."""
    match = None if said in look.columns else _FROM.fullmatch(said)
    try:
        return (column(look, match[1], "the score"), float(match[2])) if match else None
    except ValueError as e:
        if isinstance(e, DataError):
            raise
        return None


def decide_by(look: Look, given: Answers, name: str) -> None:
    """The score decides: from a half on, unless somebody says where; DataError where a half can be no threshold."""
    given.score, given.y_pred = column(look, name, "the score"), ()
    if given.threshold is not None:
        return
    low, high = ends(look, name)
    if not (low >= 0 and high <= 1):
        raise DataError(
            f"'{name}' holds scores from {low:g} to {high:g}: from which on is the decision positive? Give --threshold "
            "NUMBER (at a terminal: column >= number), or --y-pred COLUMN of the decisions"
        )
    given.threshold = 0.5
    given.guessed["threshold"] = "a half"


def set_range(look: Look, given: Answers) -> None:
    """Between which ends the scores lie: as somebody said, or, where they are no probabilities, as they are, rounded
    outward. DataError for scores or a threshold outside."""
    if given.score is None:
        if given.score_range is not None:
            raise DataError("--score-range goes with --score, the column of which it is the range")
        return
    low, high = ends(look, given.score)
    if given.score_range is None and not (low >= 0 and high <= 1):
        given.score_range = outward(low, high)
        given.guessed["score_range"] = f"the scores lie from {low:g} to {high:g}; say what could be"
    checked_range(given.score_range)
    if given.score_range == "ranks":
        return
    least, greatest = (float(x) for x in given.score_range or (0, 1))
    if not (least <= low and high <= greatest):
        raise DataError(f"'{given.score}' holds scores from {low:g} to {high:g}: --score-range must hold them all")
    if given.threshold is not None and not least <= given.threshold <= greatest:
        raise DataError(
            f"--threshold {given.threshold:g} lies outside the scores' range, {least:g} to {greatest:g}: "
            f"'{given.score}' holds scores from {low:g} to {high:g}"
        )


def ends(look: Look, name: str) -> tuple[float, float]:
    """The least and the greatest number of a column in all rows; DataError for text."""
    found = [known(numbers_in(part[name], name)) for part in look.source.batches([name])]
    seen = [x for part in found if part.size for x in (part.min(), part.max())]
    if not seen:
        raise DataError(f"'{name}' holds no scores: every value is missing")
    return float(np.min(seen)), float(np.max(seen))


def outward(low: float, high: float) -> list[Any]:
    """Ends that hold both, rounded to half the power of ten within their distance.

    >>> outward(302, 848), outward(-3.2, 4.1), outward(7, 93)
    ([300, 850], [-3.5, 4.5], [5, 95])
    """
    power = math.floor(math.log10(high - low)) if high > low else 0
    step = 0.5 * 10.0**power
    rounded = [math.floor(low / step) * step, math.ceil(high / step) * step]
    least, greatest = (float(f"{x:.12g}") for x in rounded)
    least, greatest = min(least, low), max(greatest, high)  # of numbers with more digits than rounding keeps
    if least == greatest:
        greatest += step
    return [int(x) if x.is_integer() and abs(x) < 2**53 else x for x in (least, greatest)]
