"""Sums that are not a table of cells."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.arrays import Floats
from auditkit.errors import EvidenceError
from auditkit.evidence import reading

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure


def merged(
    a: Mapping[Any, Any], b: Mapping[Any, Any], *, add: Callable[[Any, Any], Any] = operator.add
) -> dict[Any, Any]:
    """Both, key by key; what stands in both is added, of mappings again key by key.

    >>> merged({"a": {"x": 1}, "b": 2}, {"a": {"x": 3, "y": 4}})
    {'a': {'x': 4, 'y': 4}, 'b': 2}
    """
    out = dict(a)
    for key, value in b.items():
        if key in out:
            value = merged(out[key], value, add=add) if isinstance(value, Mapping) else add(out[key], value)
        out[key] = value
    return out


def same_facts(a: Mapping[str, Any], b: Mapping[str, Any], what: str) -> None:
    """EvidenceError, naming those that differ, where sums have other facts."""
    if a != b:
        differing = sorted(k for k in {*a, *b} if a.get(k) != b.get(k))
        raise EvidenceError(f"cannot add {what} with other facts: {', '.join(differing)}")


class Weights(NamedTuple):
    """How much each of N sampled rows counts, and how sure a mean over them is.

    A row may be drawn once and stand in the data many times: its copies are rows of the data, and one draw. Σ squares /
    (Σ weight)² is 1/n*, the variance of a weighted mean in units of that of a row: `evidence.draws` has the formula.

    >>> weights = Weights(np.array([30.0, 10.0]), squares=np.array([30.0, 10.0]), copies=np.array([30.0, 10.0]))
    >>> Moments.of([[1.0], [0.0]], weights).effective_n
    40.0
    """

    weight: Floats
    """(N,) rows of the data that each stands for."""
    squares: Floats | None = None
    """(N,) None: weight²."""
    copies: Floats | None = None
    """(N,) rows of the data that each is; None: one."""

    @classmethod
    def read(cls, columns: Mapping[str, Floats]) -> Weights:
        """From the columns of a table of rows."""
        return cls(columns["weight"], columns.get("squares"), columns.get("copies"))

    def columns(self) -> dict[str, Floats]:
        """As columns of a table of rows; what is None has none."""
        return {name: values for name, values in self._asdict().items() if values is not None}

    def at(self, where: Any) -> Weights:
        """Those of some rows."""
        squares, copies = (None if v is None else v[where] for v in self[1:])
        return Weights(self.weight[where], squares, copies)

    @property
    def rows(self) -> int:
        """Rows of the data that the sampled rows are."""
        return len(self.weight) if self.copies is None else int(self.copies.sum())

    @property
    def added(self) -> Floats:
        """(N,) the squares."""
        return self.weight * self.weight if self.squares is None else self.squares

    @property
    def alike(self) -> Weights:
        """The weights of an estimate in which every row drawn counts alike: each by its copies."""
        if self.copies is None or self.squares is None:
            return Weights(np.ones(len(self.weight)))
        return Weights(self.copies, self.squares * (self.copies / self.weight) ** 2, self.copies)


def weighted(weight: ArrayLike | Weights | None, n: int) -> Weights:
    """Weights of n rows: as they are, of numbers (n,), or 1 each."""
    if isinstance(weight, Weights):
        return weight
    return Weights(np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64))


@dataclass(frozen=True)
class Moments:
    """Weighted sums of columns, enough for means, their standard errors and their skewness; they add.

    Sums are kept about a fixed `origin` so that a large mean does not eat the digits of a small variance.

    >>> a, b = Moments.of([[1.0], [2.0]]), Moments.of([[6.0]])
    >>> (a + b).mean
    array([3.])
    """

    n: int
    """Rows, copies among them."""
    w: float
    """Σ weight."""
    w2: float
    """Σ weight², or what stands for it (`Weights`)."""
    wx: Floats
    """(d,) Σ weight · (x − origin)."""
    wx2: Floats
    """(d,) Σ weight · (x − origin)²."""
    origin: float = 0.0
    wx3: Floats | None = None
    """(d,) Σ weight · (x − origin)³; None in the evidence of older reports, and in a sum with it."""

    @classmethod
    def of(cls, values: ArrayLike, weight: ArrayLike | Weights | None = None, *, origin: float = 0.0) -> Moments:
        """Moments of values (N, d) with weights (N,), or 1."""
        x = np.asarray(values, dtype=np.float64) - origin
        weights = weighted(weight, len(x))
        w = weights.weight
        added = float(weights.added.sum())
        return cls(weights.rows, float(w.sum()), added, w @ x, w @ (x * x), origin, w @ (x * x * x))

    def __add__(self, other: Moments) -> Moments:
        if self.origin != other.origin or self.wx.shape != other.wx.shape:
            raise EvidenceError(
                f"cannot add moments about {self.origin} of {self.wx.shape} columns and about {other.origin} of "
                f"{other.wx.shape}"
            )
        return Moments(
            self.n + other.n,
            self.w + other.w,
            self.w2 + other.w2,
            self.wx + other.wx,
            self.wx2 + other.wx2,
            self.origin,
            None if self.wx3 is None or other.wx3 is None else self.wx3 + other.wx3,
        )

    def beside(self, other: Moments) -> Moments:
        """The sum of samples of two strata: means by weight, no column surer than strata make it, Σ W²·V of each.

        Kish's rows take all values to vary alike. Where the stratum that was sampled less varies more, Σ weight² grows
        until the standard error of every column is that of the strata at least.

        >>> little, much = Moments.of([[0.0], [9.0]] * 5, [100.0] * 10), Moments.of([[4.0], [5.0]] * 500)
        >>> (little + much).standard_error.round(2), little.beside(much).standard_error.round(2)
        (array([0.52]), array([0.76]))
        """
        both = self + other
        if min(self.effective_n, other.effective_n) <= 1 or both.effective_n <= 1:
            return both
        parts = [(m.w / both.w * m.standard_error) ** 2 for m in (self, other)]
        mine, least = both.standard_error**2, parts[0] + parts[1]
        wider = float(np.max(np.divide(least, mine, out=np.ones(mine.shape), where=mine > 0), initial=1.0))
        return replace(both, w2=min(both.w2 * wider, both.w**2))

    def at(self, where: Sequence[int]) -> Moments:
        """Those of some columns, in this order."""
        places = list(where)
        wx3 = None if self.wx3 is None else self.wx3[places]
        return replace(self, wx=self.wx[places], wx2=self.wx2[places], wx3=wx3)

    @property
    def effective_n(self) -> float:
        """Kish's effective number of rows, (Σw)²/Σw²; 0 without rows."""
        return self.w * self.w / self.w2 if self.w2 else 0.0

    @property
    def mean(self) -> Floats:
        """(d,) weighted means; NaN without rows."""
        return self.wx / self.w + self.origin if self.w else np.full(self.wx.shape, np.nan)

    @property
    def standard_error(self) -> Floats:
        """(d,) √(s²/n*) with n* = Kish's effective rows and s² with n*−1; NaN below two effective rows."""
        n = self.effective_n
        if n <= 1:
            return np.full(self.wx.shape, np.nan)
        squares, square = self.wx2 / self.w, (self.wx / self.w) ** 2
        rounding = squares - square <= 1e-13 * squares  # of values all alike
        variance = np.where(rounding, 0.0, squares - square) * n / (n - 1)
        out: Floats = np.sqrt(variance / n)
        return out

    @property
    def skewness(self) -> Floats | None:
        """(d,) weighted third moment about the mean ÷ variance^1.5, within what so many effective rows can have.

        0 where values are alike, or where a large mean has eaten the digits of the third moment; None if not known.

        >>> Moments.of([[0.0], [0.0], [0.0], [1.0]]).skewness.round(3).tolist()
        [1.155]
        """
        n = self.effective_n
        if self.wx3 is None or n <= 2:
            return None if self.wx3 is None else np.zeros(self.wx.shape)
        m, squares, cubes = self.wx / self.w, self.wx2 / self.w, self.wx3 / self.w
        second = squares - m * m
        known = second > 1e-9 * squares
        third = cubes - 3 * m * squares + 2 * m**3
        found = np.divide(third, np.where(known, second, 1.0) ** 1.5, out=np.zeros(m.shape), where=known)
        most = (n - 2) / (n - 1) ** 0.5
        return np.clip(found, -most, most)

    def reduced(self, disclosure: Disclosure) -> Moments:
        """Sums already."""
        return self

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "n": self.n,
            "w": self.w,
            "w2": self.w2,
            "wx": self.wx.tolist(),
            "wx2": self.wx2.tolist(),
            "origin": self.origin,
            **({} if self.wx3 is None else {"wx3": self.wx3.tolist()}),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], *, width: int | None = None) -> Moments:
        """From `to_json`, of `width` columns; EvidenceError for what no rows can give."""
        data = reading.fields(data, "the moments", "n", "w", "w2", "wx", "wx2", "origin", optional=("wx3",))
        wx = reading.numbers(data["wx"], "Σwx of the moments", length=width)
        wx2 = reading.numbers(data["wx2"], "Σwx² of the moments", low=0, length=len(wx))
        w, w2 = (reading.number(data[k], f"'{k}' of the moments", low=0) for k in ("w", "w2"))
        n, origin = reading.whole(data["n"], "the rows"), reading.number(data["origin"], "the origin of the moments")
        wx3 = reading.numbers(data["wx3"], "Σwx³ of the moments", length=len(wx)) if "wx3" in data else None
        return cls(n, w, w2, wx, wx2, origin, wx3)
