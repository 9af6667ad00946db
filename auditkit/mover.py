"""Square and add (MOVER): the interval of a difference from those of two independent estimates, with or without numpy.

Source: Zou & Donner (2008), Statistics in Medicine 27:1693; of Wilson's limits Newcombe's (1998), 17:873, method 10.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class Sides(NamedTuple, Generic[T]):
    """How far the limits of an estimate lie from it: a number each, or an array of many."""

    below: T
    above: T


def difference(a: Sides[T], b: Sides[T], added: Callable[[T, T], U]) -> Sides[U]:
    """The sides of a − b: below √(a.below² + b.above²), above √(a.above² + b.below²).

    `added` is the root of the sum of two squares: `math.hypot` of numbers, `numpy.hypot` of arrays; of correlated
    estimates it takes 2ρ times their product off the sum.

    >>> from math import hypot
    >>> difference(Sides(3.0, 6.0), Sides(8.0, 4.0), hypot)
    Sides(below=5.0, above=10.0)
    """
    return Sides(added(a.below, b.above), added(a.above, b.below))
