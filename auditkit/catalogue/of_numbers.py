"""Errors and predictions of numbers in words: how much, in which direction, for whom."""

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Side(NamedTuple):
    """The value of one group."""

    who: str
    value: float
    chance: bool = False
    """True where its interval holds 0, so that a direction may be chance."""


def told(metric: str, sides: Sequence[Side], write: Callable[[float], str], *, unit: bool = False) -> str:
    """The values of one group or of two as a sentence without its full stop; `write` is given sizes without a sign.

    >>> told("signed_error", [Side("women", 1.8), Side("men", -0.8)], lambda x: f"{x} h", unit=True)
    'The model predicts 1.8 h too many for women and 0.8 h too few for men'
    >>> told("mean_absolute_error", [Side("women", 2.5), Side("men", 1.5)], lambda x: f"{x} h", unit=True)
    'The model is off by 2.5 h on average for women and 1.5 h for men'
    """
    if metric == "signed_error":
        parts = [f"{'within chance, ' * s.chance}{direction(s.value, write, unit=unit)} for {s.who}" for s in sides]
        return ("The model predicts " if unit else "The model's predictions are ") + " and ".join(parts)
    first, *others = (f"{write(abs(s.value)) if s.value >= 0 else f'−{write(-s.value)}'}" for s in sides)
    head = {
        "mean_absolute_error": "The model is off by",
        "root_mean_squared_error": "Large errors counting more, the model is off by",
        "mean_prediction": "The model predicts",
    }[metric]
    rest = "".join(f" and {x} for {s.who}" for x, s in zip(others, sides[1:], strict=True))
    return f"{head} {first} on average for {sides[0].who}{rest}"


def direction(value: float, write: Callable[[float], str], *, unit: bool = False) -> str:
    """A signed error in words: "1.8 h too many", or "1.8 too high" where nothing is counted."""
    above, below = ("too many", "too few") if unit else ("too high", "too low")
    return f"{write(abs(value))} {above if value > 0 else below}" if value else "right on average"


CLAUSES = {
    "signed_error": "predictions lie higher above the truth for {high} than for {low}",
    "mean_absolute_error": "predictions are further off for {high} than for {low}",
    "root_mean_squared_error": "predictions are further off, large errors counting more, for {high} than for {low}",
    "mean_prediction": "predictions are higher for {high} than for {low}",
}
"""Metric → that one group has a higher value than another, as a clause."""
