"""Is there a gap? Asked of all rows, whatever a sample says: means and rates of groups from the census. No torch.

A sample says what makes a gap. Whether there is one, between whom and how large, is said of all rows, by every check
alike.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from auditkit.arrays import Floats, Ints
from auditkit.batch import Census
from auditkit.catalogue.gaps import TARGETS, GapTarget
from auditkit.catalogue.sentences import group_words, says_nothing_alone, too_small
from auditkit.errors import listing
from auditkit.evidence.census import CensusMeans, census_from_json
from auditkit.evidence.sums import Moments, Weights
from auditkit.explain.estimates import carried, estimated, means_of
from auditkit.formatting import interval_in
from auditkit.question import SPARSE
from auditkit.records import Estimate
from auditkit.stats import pairs
from auditkit.stats.comparisons import Comparisons, Method, Quantity, of_each
from auditkit.stats.families import minimum_detectable
from auditkit.stats.means import shape_of, skewed_limits, too_skewed
from auditkit.stats.pvalues import family_quantile
from auditkit.stats.rates import Limits, critical_value, wilson

RATE = "rates over all rows, MOVER of all pairs at the studentized range"
MEAN = "means over all rows, t corrected for skewness, MOVER of all pairs at the studentized range"


def group_name(values: Sequence[str]) -> str:
    """A group of a crossing, by one value an attribute; a value that holds the separator is quoted.

    >>> group_name(["f", "50, or more"])
    'f, "50, or more"'
    """
    return values[0] if len(values) == 1 else ", ".join(f'"{v}"' if ", " in v else v for v in values)


def words_of(by: Sequence[str], name: str) -> str:
    """A group, by its name here, as a sentence calls it.

    >>> words_of(["sex"], "f"), words_of(["tall"], "no"), words_of(["tall", "sex"], "no, f")
    ('f', 'tall = no', 'tall = no & f')
    """
    values = [name] if len(by) == 1 else name.split(", ")
    return group_words(by, values) if len(values) == len(by) and any(map(says_nothing_alone, values)) else name


class PairGap(NamedTuple):
    """The gap of one pair of groups, as one of all pairs."""

    estimate: Estimate
    """The mean of the first less that of the second, with simultaneous limits."""
    variance: float
    """Of the difference."""
    p: float | None
    """Of H0: there is no gap; for all pairs together. None where values are too skewed to tell."""


def census_in(data: Mapping[str, Any]) -> Census | None:
    """The census beside stored evidence; reports of older versions have none."""
    return None if data.get("census") is None else census_from_json(data["census"])


def census_json(census: Census | None) -> dict[str, Any]:
    """The entry `census` of evidence; none where it is not known."""
    return {} if census is None else {"census": CensusMeans(census).to_json()}


def both(one: Census | None, other: Census | None) -> Census | None:
    """The census of two parts; None where one does not know it."""
    return None if one is None or other is None else one + other


def of_scores(census: Census | None, attribute: str, *, numeric: bool, level: float) -> Means | None:
    """The mean scores of an attribute's groups."""
    target = TARGETS["mean_prediction" if numeric else "mean_score"]
    means = None if census is None else CensusMeans(census)
    return Means.of_census(means, [attribute], target, numeric=numeric, level=level)


def doubt(e: Estimate, write: Callable[[float | None], str], unit: str = "") -> str:
    """The interval of a gap of which none is established, and what could have been seen: what stands in brackets.

    >>> doubt(Estimate(value=1.0, low=0.0, high=3.0, mde=4.0), "{:.0f}".format, " kg")
    '95% interval 0 to 3 kg; a gap below 4 kg could have gone unseen'
    """
    unseen = None if e.unseen is None else f"{write(e.unseen)}{unit}"
    return f"{interval_in(e, write)}{unit}{too_small(unseen)}"


@dataclass(frozen=True)
class Means:
    """One number's means in K groups of ten rows or more."""

    names: tuple[str, ...]
    n: Ints
    """(K,) rows."""
    own: Quantity
    """Of all K."""
    level: float
    most: float = np.inf
    """The largest possible difference."""
    skewed: tuple[str, ...] = ()
    """Groups whose values are too skewed for any interval."""
    method: str = MEAN
    mde: float | None = None
    """The smallest gap seen with 80 % power, where the limits of `own` do not say it."""

    @classmethod
    def of_census(
        cls, means: CensusMeans | None, by: Sequence[str], target: GapTarget, *, numeric: bool, level: float
    ) -> Means | None:
        """Over all rows; None where the census does not know them, or fewer than two groups have ten rows."""
        if means is None or not set(by) <= set(means.census.by):
            return None
        found = means.values(target.of, by, y=target.y)
        names = tuple(group_name(values) for values in found)
        n, total, m2, m3 = np.array(list(found.values())).reshape(-1, 4).T
        kept = n >= SPARSE
        if kept.sum() < 2 or not np.isfinite(m2).all():
            return None
        names, whole = tuple(np.array(names, object)[kept]), n[kept].astype(np.int64)
        if target.of in ("selected", "wrong"):
            k = total[kept]
            a, b = np.sort(n[kept])[:2]
            q, z = family_quantile(level, len(names)), critical_value(level)
            mde = float(minimum_detectable(k.sum() / n[kept].sum(), n[kept].sum(), a, b, q=q, z=z))
            return cls(names, whole, lambda q, method: method(k, n[kept], q), level, 1.0, method=RATE, mde=mde)
        bounded = target.of == "score" and not numeric
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sqrt(m2 / (n - 1) / n)
            skewness = np.where(m2 > 0, m3 / n / (m2 / n) ** 1.5, 0.0)
            shape = shape_of(skewness, n)
        alike = (error == 0) & bool(error.any()) & (not bounded)
        skewed = (too_skewed(skewness, n) | alike)[kept]
        mean, error, shape, n = (total / n)[kept], error[kept], shape[kept], n[kept]

        def own(q: float, _: Method) -> Limits:
            low, high = skewed_limits(mean, error, n, shape, q)
            if bounded:  # without a spread to go by, Wilson's: no values in these bounds spread more
                wide = wilson(mean * n, n, q)
                low, high = (np.where(error > 0, x, y) for x, y in ((low, wide.low), (high, wide.high)))
                low, high = np.maximum(low, 0.0), np.minimum(high, 1.0)
            return Limits(mean, low, high)

        return cls(names, whole, own, level, 1.0 if bounded else np.inf, tuple(np.array(names, object)[skewed]))

    @classmethod
    def of_rows(cls, groups: Mapping[str, tuple[Floats, Weights]], *, bounded: bool, level: float) -> Means | None:
        """Over rows of a sample: group → values and their weights, of ten rows or more each. None of fewer than two."""
        if len(groups) < 2:
            return None
        bounds = (0.0, 1.0) if bounded else (-np.inf, np.inf)
        cells = means_of([Moments.of(x[:, None], weights) for x, weights in groups.values()], bounds=bounds)
        own = of_each([(cell.value, cell.limits) for cell in cells])
        n, most = np.array([cell.n for cell in cells]), 1.0 if bounded else np.inf
        skewed = tuple(name for name, cell in zip(groups, cells, strict=True) if cell.unstable)
        return cls(tuple(groups), n, own, level, most, skewed, f"MOVER of all pairs of: {cells[0].method}")

    def surest(self, among: Collection[str] | None = None) -> tuple[str, str] | None:
        """The pair that carries the lower limit, the group of the larger mean first; None of fewer than two groups."""
        where = np.array([i for i, name in enumerate(self.names) if among is None or name in among], np.intp)
        if len(where) < 2:
            return None
        found = self._compared(where).interval("difference").sure.among(where)
        return self.names[found.second], self.names[found.first]

    def largest(self) -> Estimate:
        """The largest gap of all pairs, with what could have been seen."""
        of = self._compared(np.arange(len(self.names)))
        found = of.interval("difference")
        e = estimated(found.value, found[1:3], n=int(self.n.sum()), level=self.level, method=self.method, fewest=0)
        if self.skewed:
            return carried(e, self._carried)
        return e.model_copy(update={"mde": of.smallest_seen() if self.mde is None else self.mde})

    def pair(self, high: str, low: str) -> PairGap | None:
        """The gap of two groups, signed; None for a group that is not known here."""
        if not {high, low} <= set(self.names):
            return None
        first, second = (np.array([self.names.index(name)]) for name in (high, low))
        of = replace(self._compared(first), other=self._at(second))
        d = of.each("difference")
        limits = (max(-self.most, float(d.low[0])), min(self.most, float(d.high[0])))
        n = int(self.n[[*first, *second]].sum())
        e = estimated(float(d.value[0]), limits, n=n, level=self.level, method=self.method, fewest=0)
        one = pairs.difference(self._at(first)(1.0, wilson), self._at(second)(1.0, wilson))
        variance = float((one.high - one.low)[0] / 2) ** 2
        if self.skewed:
            return PairGap(carried(e, self._carried), variance, None)
        return PairGap(e, variance, of.p_value("difference", 0.0, above=True))

    @property
    def _carried(self) -> str:
        return f"a few large values carry the mean of {listing(self.skewed)}"

    def _compared(self, where: Ints) -> Comparisons:
        """Some groups, of which each comparison is one of all pairs."""
        return Comparisons(self._at(where), len(self.names), self.level, self.most)

    def _at(self, where: Ints) -> Quantity:
        return lambda q, method: Limits(*(x[where] for x in self.own(q, method)))
