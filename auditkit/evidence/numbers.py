"""NumberSums: moments of a number that every row has, by group, of weighted and dependent rows too. They add."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.arrays import Floats, Ints, Positions
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence import pooled, reading, suppression
from auditkit.evidence.clusters import Replicates, cluster_hashes
from auditkit.evidence.distinct import Counted, Hashed, Seen, counted_from, subsets
from auditkit.evidence.frames import MEASURED, Columns, columns_of, known_columns, places, summed_rows
from auditkit.evidence.moments import (
    MOST_VALUES,
    POWERS,
    WEIGHED_PARTS,
    Valued,
    coarse,
    combined,
    merged,
    per_group,
    skewness,
)
from auditkit.evidence.rare import FEWEST
from auditkit.evidence.tally import crossed, matched, named
from auditkit.evidence.weights import checked_weights
from auditkit.lazy import pandas as pd

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

FARTHEST = 1e60
"""Weights of a number lie between this and its inverse: their cubes are summed."""
MOST = 1e100
"""The largest of the numbers lies between this and its inverse: squares and cubes of others leave what floats hold."""


class Means(NamedTuple):
    """What is known of a number in K crossed groups."""

    groups: tuple[tuple[str, ...], ...]
    n: Ints
    """(K,) rows with a number."""
    missing: Ints
    """(K,) rows without one."""
    mean: Floats
    """(K,) weighted means; NaN without rows."""
    variance: Floats
    """(K,) of the mean, of independent rows: Σ w² (x − mean)² / (Σw)² · n/(n − 1); NaN below two rows."""
    skewness: Floats
    """(K,) √n times the skewness of the mean, with Kish's n: that of the numbers themselves where weights are alike."""
    w: Floats
    """(K,) Σw, n without weights."""
    w2: Floats
    drawn: tuple[Floats, Floats] | None = None
    """(K, R) Σw less its mean, and Σ w (x − mean), in each replicate of the clusters; None without clusters."""
    measure: Floats | None = None
    """(R,) by which squares of what is drawn count."""
    seen: Seen | None = None
    """The clusters of the groups."""


@dataclass(frozen=True)
class NumberSums(Valued):
    """What an audit keeps of a number that every row has, by group: `+` merges.

    Moments are about the mean, as in `ErrorSums`. How often each value occurs is kept where rows count alike and are
    independent, which is what distributions are compared by. Rows without a number are counted apart.

    >>> sums = NumberSums.of({"sex": ["f", "f", "m"]}, values=[1.0, 3.0, float("nan")])
    >>> (sums + sums).means("sex").mean.tolist(), sums.means("sex").missing.tolist()
    ([2.0, nan], [0, 1])
    """

    by: tuple[str, ...]
    moments_: pd.DataFrame
    """One row a crossed group: the group columns, `n`, with sampling weights `w`, `w2`, `w3`, and `measured_mean`,
    `_m2`, `_m3`, with weights `_wu`, `_wu2`, `_w2u` (`moments.combined`)."""
    values_: pd.DataFrame
    """One row a crossed group and cell: the group columns, `cell`, `n`; none of weighted or dependent rows."""
    missing_: pd.DataFrame
    """One row a crossed group with rows without a number: the group columns, `n`."""
    cut: int = 0
    width_: float = 0.0
    negative: bool = False
    """Whether some number is below 0."""
    clusters: Replicates | None = None
    """Of G groups with a number, in the order of `moments_`: Σw, and below it Σ w (x − mean); None: independent."""
    distinct: dict[tuple[str, ...], Counted] = field(default_factory=dict)
    """Group columns → the clusters of their groups as counts, which stand for hashes once the sums are reduced."""
    parts_: int = 1
    """See `Valued`."""

    @classmethod
    def of(
        cls,
        groups: Any,
        *,
        values: ArrayLike,
        sample_weight: ArrayLike | None = None,
        weights_kind: str = "sampling",
        cluster: ArrayLike | None = None,
    ) -> NumberSums:
        """Sum rows: groups a frame or a dict of columns (N,), values (N,) numbers, NaN missing; weights ≥ 0, a row of
        weight 0 is not counted; ids of clusters.

        Raises DataError for columns of unequal length, infinite numbers, and impossible weights.
        """
        columns, beside = matched(groups, {"values": values, "sample_weight": sample_weight, "cluster": cluster})
        x = np.asarray(beside["values"], np.float64)
        if np.isinf(x).any():
            raise DataError(
                f"{int(np.isinf(x).sum()):,} numbers are infinite, first in row {int(np.isinf(x).argmax())}"
            )
        size = float(np.nanmax(np.abs(x), initial=0.0))
        if size > MOST or 0 < size < 1 / MOST:
            raise DataError(f"numbers of size {size:.3g} cannot be squared and summed: give them in another unit")
        by, rows = tuple(columns), pd.DataFrame(named(*crossed(columns, len(x))), dtype=object)
        rows.index = range(len(x))  # type: ignore[assignment]
        rows = rows.assign(n=1)
        counted, sampled = np.ones(len(x), bool), False
        if sample_weight is not None:
            weight = checked_weights(beside["sample_weight"], len(x), weights_kind)
            counted, sampled = weight > 0, weights_kind == "sampling"
            rows = rows.assign(w=weight, w2=weight**2, w3=weight**3) if sampled else rows.assign(n=weight.astype(int))
            if sampled and (counted & ((weight > FARTHEST) | (weight < 1 / FARTHEST))).any():
                raise DataError(f"weights of numbers lie between {1 / FARTHEST:g} and {FARTHEST:g}")
        known = counted & ~np.isnan(x)
        missing = summed_rows(rows.loc[counted & np.isnan(x), [*columns_of(by), "n"]], by)
        here = rows[known].assign(**{MEASURED: x[known]})
        moments, values_, cut = _moments(here, by, sampled), here[[*columns_of(by), "n"]].iloc[:0].assign(cell=0), 0
        clusters = None
        if cluster is not None:
            clusters = _replicates(here, moments, by, cluster_hashes(beside["cluster"])[known])
        elif not sampled:
            cells = here[[*columns_of(by), "n"]].assign(cell=pooled.cells_of(x[known]))
            values_, cut = coarse(summed_rows(cells, by, "cell"), by)
        return cls(by, moments, values_, missing, cut, 0.0, bool((x[known] < 0).any()), clusters)

    @property
    def weighted(self) -> bool:
        """Whether rows have sampling weights."""
        return "w" in self.table("moments_")

    @property
    def counted_alike(self) -> bool:
        """Whether every row counts once, and rows are independent: what `values` are kept of."""
        return not self.weighted and self.clusters is None

    def __add__(self, other: NumberSums) -> NumberSums:
        if self.distinct or other.distinct:
            raise EvidenceError("cannot add reduced numbers with clusters: whether both saw the same ones is not kept")
        both = None
        if self.clusters is not None and other.clusters is not None:
            both = self.clusters.beside(other.clusters)
        return self.beside(other, both)

    def beside(self, other: NumberSums, replicates: Replicates | None) -> NumberSums:
        """The sum of both, with the replicates of both, one under the other."""
        if (
            self.by != other.by
            or self.weighted != other.weighted
            or (self.clusters is None) != (other.clusters is None)
        ):
            raise EvidenceError(f"cannot add numbers by {list(self.by)} and by {list(other.by)}, weighted otherwise")
        both = pd.concat([self.moments_, other.moments_], ignore_index=True)
        moments = merged(both, self.by, (MEASURED,))
        missing = summed_rows(pd.concat([self.missing_, other.missing_], ignore_index=True), self.by)
        clusters = None
        if replicates is not None:
            g = (len(self.moments_), len(other.moments_))
            order = np.concatenate([np.arange(g[0]), 2 * g[0] + np.arange(g[1])])
            of = np.concatenate([order, np.concatenate([g[0] + np.arange(g[0]), 2 * g[0] + g[1] + np.arange(g[1])])])
            clusters = _gathered(replicates.taken(of), both, moments, self.by)
        values, missing, cut, width, parts = self.valued_with(other, missing)
        return NumberSums(
            *(self.by, moments, values, missing, cut, width, self.negative or other.negative, clusters), parts_=parts
        )

    def with_clusters(self, clusters: Replicates, distinct: dict[tuple[str, ...], Counted]) -> NumberSums:
        """The same with other replicates, and counts in the place of hashes."""
        return replace(self, clusters=clusters, distinct=distinct)

    def means(self, *by: str) -> Means:
        """By the crossed groups of these columns, groups sorted; groups without a number too."""
        known_columns(by, self.by)
        columns, lacking = self.table("moments_"), self.table("missing_")
        both = {c: np.concatenate([columns[c], lacking[c]]) for c in columns_of(by)}
        r = len(columns["n"])
        groups, at = places(both, by, r + len(lacking["n"]))
        k, code = len(groups), at[:r]
        found = combined(columns, code, k, (MEASURED,))
        n, mean = found["n"], np.where(found["n"] > 0, found[f"{MEASURED}_mean"], np.nan)
        w, w2 = (found["w"], found["w2"]) if self.weighted else (n.astype(np.float64),) * 2
        m2, m3 = found[f"{MEASURED}_m2"], found[f"{MEASURED}_m3"]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            variance = np.where(n > 1, m2 / w**2 * n / np.maximum(n - 1.0, 1.0), np.nan)
            skew = skewness(n, m2, m3) * (np.sqrt(w**2 / w2 / n) if self.weighted else 1.0)
        missing = np.bincount(at[r:], lacking["n"].astype(np.float64), k).astype(np.int64)
        out = Means(groups, n, missing, mean, variance, np.nan_to_num(skew), w, w2)
        if self.clusters is None:
            return out
        away = columns[f"{MEASURED}_mean"].astype(np.float64) - np.nan_to_num(mean)[code]
        position = np.concatenate([code, k + code])
        of = _recentred(self.clusters, away).gathered(position, 2 * k)
        return out._replace(
            drawn=(of.sums[:k] - w[:, None], of.sums[k:]),
            measure=np.full(of.sums.shape[1], 1.0 / max(1, of.sums.shape[1])),
            seen=self._seen(by, groups, of),
        )

    def _seen(self, by: tuple[str, ...], groups: tuple[tuple[str, ...], ...], of: Replicates) -> Seen:
        if not self.distinct:
            return Hashed({(k, 1, 1): (of.lowest[k], of.sizes[k]) for k in range(len(groups))}, len(groups))
        known = next((b for b in self.distinct if set(b) == set(by)), None)
        if known is None:
            raise EvidenceError(f"clusters of {list(by)} crossed were not counted before hashes were dropped")
        keys = self.groups(*known)
        at = {key: i for i, key in enumerate(keys)}
        return self.distinct[known].taken([at[tuple(g[by.index(b)] for b in known)] for g in groups])

    def groups(self, *by: str) -> tuple[tuple[str, ...], ...]:
        """The crossed groups of these columns that `means` tells of."""
        columns, lacking = self.table("moments_"), self.table("missing_")
        both = {c: np.concatenate([columns[c], lacking[c]]) for c in columns_of(by)}
        return places(both, by, len(columns["n"]) + len(lacking["n"]))[0]

    def reduced(self, disclosure: Disclosure) -> NumberSums:
        """With values that ten people share, at least, rounded means of groups below five, and no hashes."""
        out = self
        recoding = suppression.of_columns(disclosure, self.by, self.moments_)
        if recoding:
            told = suppression.recoded(self.moments_, recoding)
            moments = merged(told, self.by, (MEASURED,))
            clusters = None if self.clusters is None else _gathered(self.clusters, told, moments, self.by)
            missing, values = (
                summed_rows(suppression.recoded(x, recoding), self.by, *more)
                for x, more in ((self.missing_, ()), (self.values_, ("cell",)))
            )
            out = replace(self, moments_=moments, clusters=clusters, missing_=missing, values_=values)
        if out.clusters is not None and not out.distinct:
            out = out._without_hashes()
        if out.width_:
            return out
        moments = pooled.told_thirds(pooled.told_moments(out.moments_))
        people = max(FEWEST, disclosure.suppress_below)
        values, width = out.values_, 0.0
        if len(values):
            values, width = pooled.shared(values, self.by, cut=self.cut, people=people)
        return replace(out, moments_=moments, values_=values, cut=0 if len(values) else out.cut, width_=width)

    def _without_hashes(self) -> NumberSums:
        assert self.clusters is not None, "of clusters"
        distinct = {}
        for by in subsets(self.by):
            found = self.means(*by)
            if len(found.groups) > reading.MOST_GROUPS:
                continue  # never compared, and pairs of so many are not kept
            assert isinstance(found.seen, Hashed), "hashes are dropped once"
            distinct[by] = found.seen.counted()
        w = self.table("moments_")["w" if self.weighted else "n"].astype(np.float64)
        return replace(self, clusters=self.clusters.reduced(np.concatenate([w, np.zeros(len(w))])), distinct=distinct)

    def to_json(self) -> dict[str, Any]:
        """As JSON: one list a column."""
        out = {
            "by": list(self.by),
            "cut": self.cut,
            **({"width": self.width_} if self.width_ else {}),
            **({"parts": self.parts_} if self.parts_ > 1 else {}),
            **({"negative": True} if self.negative else {}),
            "moments": self.lists("moments_"),
            "values": self.lists("values_"),
            "missing": self.lists("missing_"),
        }
        if self.clusters is None:
            return out
        clusters = {
            k: v for k, v in self.clusters.to_json().items() if not (self.distinct and k in ("lowest", "sizes"))
        }
        counts = [{"by": list(b), **d.to_json()} for b, d in self.distinct.items()]
        return {**out, "clusters": {**clusters, **({"counts": counts} if counts else {})}}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> NumberSums:
        """From `to_json`; EvidenceError for what no rows can give."""
        data = reading.fields(
            data,
            "the numbers",
            "by",
            "cut",
            "moments",
            "values",
            "missing",
            optional=("width", "negative", "clusters", "parts"),
        )
        by = reading.names(data["by"], "'by' of the numbers")
        cut = reading.whole(data["cut"], "'cut' of the numbers", high=63)
        positive, signed = partial(reading.numbers, low=0), reading.numbers
        weighed = "w" in reading.mapping(data["moments"], "the moments")
        parts = WEIGHED_PARTS if weighed else ("m2", "m3")
        sums: dict[str, reading.Column] = dict.fromkeys(POWERS, positive) if weighed else {}
        sums |= {f"{MEASURED}_{q}": positive if q == "m2" else signed for q in ("mean", *parts)}
        moments = reading.table(data["moments"], "the moments", by, key={}, sums=sums)
        cell = partial(reading.wholes, low=-(2**63), high=2**63 - 1)
        values = reading.table(data["values"], "the values", by, key={"cell": cell})
        missing = reading.table(data["missing"], "the rows without a number", by, key={})
        reading.bounded(len(values["n"]), "cells of values", MOST_VALUES)
        if weighed and not (moments["w"] > 0).all():
            raise EvidenceError("the moments hold a group whose weights add up to 0")
        if not np.isfinite(pooled.values_of(values["cell"], cut)).all():
            raise EvidenceError("the values hold cells of no finite number")
        width = reading.number(data.get("width", 0.0), "'width' of the numbers", low=0)
        others: dict[str, Any] = {"negative": data.get("negative", False) is True, "clusters": None, "distinct": {}}
        if "clusters" in data:
            stored = Replicates.from_json(data["clusters"])
            if len(stored.lowest) != 2 * len(moments["n"]):
                raise EvidenceError(f"{len(moments['n']):,} groups have {len(stored.lowest):,} rows of replicates")
            both = {c: np.concatenate([moments[c], missing[c]]) for c in columns_of(by)}
            both["n"] = np.concatenate([moments["n"], missing["n"]])
            counts = counted_from(data["clusters"].get("counts", []), both)
            others |= {"clusters": stored, "distinct": counts}
        others["parts_"] = reading.whole(data.get("parts", 1), "'parts' of the numbers", low=1)
        tables = {"moments_": moments, "values_": values, "missing_": missing}
        return cls.of_tables(tables, by=by, cut=cut, width_=width, **others)


def _moments(rows: pd.DataFrame, by: tuple[str, ...], weighed: bool) -> pd.DataFrame:
    if not weighed:
        return per_group(rows, by, (MEASURED,))
    zero = dict.fromkeys((f"{MEASURED}_{part}" for part in WEIGHED_PARTS), 0.0)
    plain = rows[[*columns_of(by), "n", *POWERS]].assign(**{f"{MEASURED}_mean": rows[MEASURED]}, **zero)
    return merged(plain, by, (MEASURED,))


def _replicates(rows: pd.DataFrame, moments: pd.DataFrame, by: tuple[str, ...], keys: Any) -> Replicates:
    """Σw of each group, and below it Σ w (x − mean)."""
    at, size = _at(rows, moments, by), len(moments)
    w = rows["w" if "w" in rows else "n"].to_numpy(np.float64)
    away = w * (rows[MEASURED].to_numpy(np.float64) - moments[f"{MEASURED}_mean"].to_numpy(np.float64)[at])
    counted = Replicates.of(keys, at.astype(np.int64), w, size)
    return _paired(counted, Replicates.of(keys, at.astype(np.int64), away, size).sums)


def _paired(counted: Replicates, away: Floats) -> Replicates:
    size = len(counted.lowest)
    none: tuple[Any, ...] = (np.zeros(0, np.uint64),) * size
    nothing: tuple[Any, ...] = (np.zeros(0),) * size
    return Replicates(np.concatenate([counted.sums, away]), counted.lowest + none, counted.sizes + nothing)


def _recentred(of: Replicates, by: Floats) -> Replicates:
    """With means that lie so much lower (G,): Σ w (x − mean) moves by that times Σw."""
    g = len(by)
    return replace(of, sums=np.concatenate([of.sums[:g], of.sums[g:] + by[:, None] * of.sums[:g]]))


def _gathered(of: Replicates, rows: pd.DataFrame, moments: pd.DataFrame, by: tuple[str, ...]) -> Replicates:
    """The replicates of `rows` of moments as those of fewer groups."""
    at, g = _at(rows, moments, by), len(moments)
    mean = f"{MEASURED}_mean"
    away = rows[mean].to_numpy(np.float64) - moments[mean].to_numpy(np.float64)[at]
    return _recentred(of, away).gathered(np.concatenate([at, g + at]), 2 * g)


def _at(rows: pd.DataFrame, moments: pd.DataFrame, by: tuple[str, ...]) -> Positions:
    """(R,) which row of the moments each row belongs to; both are sorted alike."""
    if not by:
        return np.zeros(len(rows), np.intp)
    both: Columns = {c: np.concatenate([moments[c].to_numpy(), rows[c].to_numpy()]) for c in columns_of(by)}
    _, at = places(both, by, len(moments) + len(rows))
    order = np.empty(len(moments), np.intp)
    order[at[: len(moments)]] = np.arange(len(moments))
    return order[at[len(moments) :]]
