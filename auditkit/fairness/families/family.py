"""One quantity in K crossed groups: its values with limits, every comparison of the groups, and the p-value of each.

Rates, composites, errors and scores are families; each says only what differs: where its limits come from, and words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.confusion import LABELS
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.metric import Metric
from auditkit.catalogue.sentences import group_words, is_established
from auditkit.errors import listing
from auditkit.fairness.families import statements
from auditkit.fairness.families.basis import Basis, Positions
from auditkit.fairness.families.statements import Named
from auditkit.fairness.notes import finding
from auditkit.question import SPARSE
from auditkit.records import Comparison, Concern, Estimate, Exhibit, Finding, GroupEstimate, State, Surest
from auditkit.stats.comparisons import EXTREMES, Comparisons, Method, Quantity, fewest_groups
from auditkit.stats.pairs import apart
from auditkit.stats.pvalues import Compared, FamilyInterval
from auditkit.stats.rates import Floats, Limits, critical_value, sidak_value, wilson


def number(x: float) -> float | None:
    """None for NaN and ±∞.

    >>> number(float("nan")), number(0.5)
    (None, 0.5)
    """
    return float(x) if math.isfinite(x) else None


def estimated(value: float, low: float, high: float, *, level: float, n: int, **more: Any) -> Estimate:
    """An estimate of numbers that may be NaN or ±∞, for which it has None."""
    return Estimate(value=number(value), low=number(low), high=number(high), level=level, n=n, **more)


def group_estimates(by: Sequence[str], estimates: Mapping[tuple[str, ...], Estimate]) -> tuple[GroupEstimate, ...]:
    """The estimates of crossed groups of these attributes, in their order."""
    return tuple(GroupEstimate(group=dict(zip(by, g, strict=True)), estimate=e) for g, e in estimates.items())


def nothing_to_compare(groups: int, few: str, *, level: float, n: int, state: State = "sparse") -> Estimate:
    """The estimate of a comparison that cannot be made: of one group, or for what `few` says."""
    if groups < 2:
        few, state = "one group only: there is nothing to compare", "undefined"
    return Estimate(value=None, level=level, n=n, state=state, note=few)


class Words(NamedTuple):
    """What is said of a quantity beside its numbers."""

    method: str
    """How one group's interval is made."""
    nobody: str
    """Why it is undefined where n is 0."""
    counted: str
    """What n counts, after a number: "rows"."""
    zero: str = ""
    """Why a ratio between groups is undefined."""


class Answer(Protocol):
    """One metric over one set of attributes: what a check finds, and what a rule is judged by."""

    def finding(self, kind: Comparison) -> Finding:
        """One comparison between groups, or the value over everybody (`overall`)."""
        ...

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """Family p of H0: the comparison is at most (`above`), or at least, the limit; None without a test."""
        ...


def tested(answer: Answer, kind: Comparison, **more: Any) -> Finding:
    """The finding with its p, of H0: there is no disparity, or a value is what right scores give.

    What an assessment makes; a rule needs no p of that. None where the interval holds H0: an interval at level 1 − α
    excludes H0 exactly where p < α, and what is not excluded needs no p to be counted as a test.
    """
    f = answer.finding(kind, **more)
    e, right = f.estimate, METRICS[f.metric].right
    if kind.startswith(("difference", "ratio")):
        null = 1.0 if kind.startswith("ratio") else 0.0
        p = answer.p_value(kind, null, above=null == 0.0) if is_established(kind, e) else None
    elif right is None or e.state == "unstable" or e.low is None or e.high is None or e.low <= right <= e.high:
        p = None
    else:
        p = answer.p_value(kind, right, above=e.low > right)
    return f if p is None else f.model_copy(update={"p": p})


class GroupFamily:
    """One quantity in K crossed groups."""

    metric: str
    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    rows: Any
    """(K,)"""
    n: Any
    """(K,) what `min_n` is held against; 0 exactly where the quantity is undefined."""
    values: Any
    """(K,) point values, NaN where undefined."""
    level: float
    min_n: int
    words: Words
    basis: Basis
    most: float = 1.0
    """The largest possible difference."""

    @property
    def entry(self) -> Metric:
        """What the catalogue says of the metric."""
        return METRICS[self.metric]

    def own(self, where: Positions) -> Quantity:
        """The quantity in the groups at these positions."""
        return self.basis.own(self.formula, where)

    def rest(self, where: Positions) -> Quantity:
        """The quantity in all other groups of these positions, taken together, for each of them."""
        return self.basis.rest(self.formula, where)

    def formula(self, counts: Any, rho: Floats | None, q: Any, method: Method) -> Limits:
        """The limits of the quantity, from the counts of its basis."""
        raise NotImplementedError("a family without counts has limits of its own")

    @cached_property
    def limits(self) -> Limits:
        """(K,) values and their own limits at `level`."""
        with np.errstate(invalid="ignore"):
            return self.own(np.arange(len(self.groups)))(self.basis.critical(self.level), wilson)

    @property
    def large(self) -> NDArray[np.bool_]:
        """(K,) groups with a denominator large enough, and an interval."""
        return np.asarray(self.n >= max(1, self.min_n))

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(K,) groups that enter comparisons."""
        return self.basis.kept(self.large) & ~self.beside

    @property
    def beside(self) -> NDArray[np.bool_]:
        """(K,) what is shown beside the groups of people, is none itself, and compared with none."""
        return np.zeros(len(self.groups), dtype=bool)

    def unstable(self, position: int) -> bool:
        """Whether the group's values are too skewed for any interval."""
        return False

    @property
    def positions(self) -> Positions:
        """Positions of the groups kept."""
        return np.flatnonzero(self.kept)

    def name(self, position: int) -> str:
        """The group at a position, in the data's own labels."""
        return group_words(self.by, self.groups[position])

    @property
    def too_skewed(self) -> list[str]:
        """Names of the groups kept whose values are too skewed for any interval; "everybody" of the one of `by=()`."""
        return [self.name(int(i)) or "everybody" for i in self.positions if self.unstable(int(i))]

    def left_out(self) -> list[str]:
        """Names of the groups that do not enter comparisons."""
        return [self.name(int(i)) for i in np.flatnonzero(~self.kept & ~self.beside)]

    def few(self, position: int) -> str:
        """Why the group cannot be judged."""
        return self.basis.few(position) if self.large[position] else f"only {int(self.n[position])} to count"

    @cached_property
    def by_group(self) -> tuple[GroupEstimate, ...]:
        """Every group, the sparse and the undefined ones too; none where everybody is one."""
        told = [i for i in range(len(self.groups)) if self.by and not (self.beside[i] and self.n[i] == 0)]
        return group_estimates(self.by, {self.groups[i]: self.estimate(i) for i in told})

    def finding(self, kind: Comparison, *, exhibits: Sequence[Exhibit] = (), notes: Sequence[str] = ()) -> Finding:
        """See `Answer`; over everybody, of concern `performance`. `exhibits` and `notes` go with it."""
        overall = kind == "overall"
        e, found = self.measured(kind)
        about = () if overall else self.notes(kind, found)
        return self.told(
            finding(
                self.metric,
                kind,
                () if overall else self.by,
                e,
                self.said(kind, e, found),
                concern=self.concern(kind),
                by_group=() if overall else self.by_group,
                exhibits=(*self.exhibits(kind), *exhibits),
                notes=(*about, *self.further(kind), *notes),
                surest=self.surest(kind, e, found),
            )
        )

    def told(self, found: Finding) -> Finding:
        """A finding of the family, with what only the family knows."""
        return found

    def measured(self, kind: Comparison) -> tuple[Estimate, FamilyInterval | None]:
        """The estimate of a finding, and the groups behind it, without words."""
        return (self.overall(), None) if kind == "overall" else self.comparison(kind)

    def concern(self, kind: Comparison) -> Concern:
        """What a finding is about."""
        if METRICS[self.metric].kind == LABELS:
            return "data"
        return "performance" if kind == "overall" else "data" if self.metric == "base_rate" else "fairness"

    def said(self, kind: Comparison, e: Estimate, found: FamilyInterval | None, other: str = "") -> str:
        """The finding in a sentence, with `other` where the groups are told against one side."""
        if kind == "overall":
            return statements.of_everybody(self.entry, e)
        sure, far = (None, None) if found is None else (self.named(found.sure), self.named(found.far))
        return statements.of_comparison(self.entry, self.by, kind, e, sure, far, other)

    def named(self, c: Compared) -> Named:
        """One comparison as a sentence names it."""
        where = _once(c)
        own = estimated(c.value, c.low, c.high, level=self.level, n=int(sum(self.rows[i] for i in where)))
        return Named(tuple(map(self.name, where)), tuple(float(self.values[i]) for i in where), own)

    def surest(self, kind: Comparison, e: Estimate, found: FamilyInterval | None) -> Surest | None:
        """The groups that carry the inner limit, as a record; None where no group is named."""
        shown = kind in EXTREMES and e.state != "unstable"
        if found is None or e.value is None or not (shown or is_established(kind, e)):
            return None
        groups = tuple(dict(zip(self.by, self.groups[i], strict=True)) for i in _once(found.sure))
        return Surest(groups=groups, estimate=self.named(found.sure).estimate)

    def exhibits(self, kind: Comparison) -> tuple[Exhibit, ...]:
        """What a finding shows beside the groups."""
        return ()

    def notes(self, kind: Comparison, found: FamilyInterval | None) -> tuple[str, ...]:
        """Which groups are left out or undefined."""
        told = []
        sparse = [self.name(int(i)) for i in np.flatnonzero(~self.kept & ~self.beside & (self.n > 0))]
        nobody = [self.name(int(i)) for i in np.flatnonzero((self.n == 0) & ~self.beside)]
        if sparse:
            told.append(f"left out, fewer than {self.min_n} to count{self.basis.fewest}: {listing(sparse)}")
        if nobody:
            told.append(f"undefined, nobody to count: {listing(nobody)}")
        if (self.beside & (self.n > 0)).any():
            told.append("pairs of two different groups, or of small groups, are shown, and compared with none")
        return (*told, *self.basis.notes)

    def further(self, kind: Comparison) -> tuple[str, ...]:
        """Notes of a finding about the quantity itself."""
        return ()

    def overall(self) -> Estimate:
        """The estimate of everybody, the one group of `by=()`: sparse below ten rows, whatever groups need."""
        if self.groups:
            return replace(self, min_n=SPARSE).estimate(0)  # type: ignore[type-var]
        method, nobody = self.words.method, self.words.nobody
        return Estimate(value=None, level=self.level, n=0, denominator=0, method=method, state="undefined", note=nobody)

    def estimate(self, i: int) -> Estimate:
        """The estimate of one group."""
        n = int(self.n[i])
        state: State = "undefined" if n == 0 else "sparse" if not self.large[i] else "ok"
        state = "unstable" if state == "ok" and self.unstable(i) else state
        notes = {
            "undefined": self.words.nobody,
            "sparse": f"only {n} {self.words.counted}: too few to tell",
            "unstable": "a few large values carry it: no interval is to be relied on",
        }
        plain = estimated(
            self.values[i],
            self.limits.low[i],
            self.limits.high[i],
            level=self.level,
            n=int(self.rows[i]),
            denominator=float(self.n[i]),
            method=self.words.method,
            state=state,
            note=notes.get(state, ""),
        )
        return self.basis.qualified(i, plain)

    def compared(self, kind: Comparison) -> Comparisons:
        """The groups kept, as a comparison takes them; positions are among them."""
        where = self.positions
        if kind.endswith("to_overall"):
            return replace(self.against(where, None), share=self.basis.share(where))
        facts = (self.level, self.most, self.basis.df, self.basis.correlations(where))
        return Comparisons(self.own(where), len(where), *facts)

    def against(self, where: Positions, to: int | None) -> Comparisons:
        """Each of these groups against group `to`, or against the rest of them (None)."""
        other = self.rest(where) if to is None else self.own(np.array([to]))
        claims = 1 if to is None and len(where) == 2 else len(where)
        facts = (self.level, self.most, self.basis.df, self.basis.correlation(where, to))
        return Comparisons(self.own(where), claims, *facts, other)

    def comparison(self, kind: Comparison, value: float | None = None) -> tuple[Estimate, FamilyInterval | None]:
        """The estimate of a comparison, and the groups behind it; `value` replaces the point value."""
        where = self.positions
        if len(where) < fewest_groups(kind):
            return self.nothing_to_compare(), None
        found = self.interval(kind)
        found = found.among(where)
        if value is not None:
            found = found._replace(value=value)
        return self.estimate_of(found, kind), found

    def interval(self, kind: Comparison, *, inner: float | None = None, outer: float | None = None) -> FamilyInterval:
        """Of the groups kept, positions among them; `inner` and `outer` replace critical values."""
        return self.compared(kind).interval(kind, inner=inner, outer=outer)

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `Answer`; by `stats.comparisons`, whose p are those of `stats.pvalues`."""
        if len(self.positions) < fewest_groups(kind) or self.too_skewed:
            return None
        return self.compared(kind).p_value(kind, limit, above=above)

    def estimate_of(self, found: FamilyInterval, kind: Comparison, claims: int | None = None) -> Estimate:
        """The interval of a comparison as an estimate; `claims` of one with another side."""
        undefined, skewed = math.isnan(found.value), self.too_skewed
        state: State = "undefined" if undefined else "unstable" if skewed else "ok"
        note = f"a few large values carry the mean of {listing(skewed)}" if skewed else ""
        return estimated(
            *found[:3],
            level=self.level,
            n=int(self.rows[self.kept].sum()),
            denominator=float(self.n[self.kept].sum()),
            method=self.method(kind, found, claims) + self.basis.suffix,
            mde=self.mde() if kind == "difference" and not skewed else None,
            state=state,
            note=self.words.zero if undefined else note,
        )

    def method(self, kind: Comparison, found: FamilyInterval, claims: int | None) -> str:
        """How the interval of a comparison is made, in words."""
        if kind in ("group_min", "group_max"):
            how = f"{'smallest' if kind == 'group_min' else 'largest'} limits, Šidák on the inner side"
        elif claims is None:
            how = f"{statements.mover(kind)} of all pairs at the studentized range; z on the outer side"
        else:
            how = statements.mover(kind) + statements.of_claims(claims)
        return f"{self.words.method}; {how}"

    def mde(self, q: float | None = None) -> float | None:
        """The smallest gap seen with 80 % power, at critical value `q`; None where it is not known."""
        return number(self.compared("difference").smallest_seen(q))

    def mde_to(self, reference: int | None, claims: int) -> float | None:
        """The same of a difference to one group, or to the rest (None): the largest over the groups compared."""
        where = self.positions if reference is None else self.positions[self.positions != reference]
        own, other = self.own(where), self.rest(where) if reference is None else self.own(np.array([reference]))
        q = sidak_value(self.level, claims, self.basis.df)
        return number(sum(float(apart(own(x, wilson), other(x, wilson)).max()) for x in (q, critical_value(0.6))))

    def nothing_to_compare(self) -> Estimate:
        """The estimate of a comparison for which there are too few groups, with the reason."""
        few, state = self.too_few()
        return nothing_to_compare(int((~self.beside).sum()), few, level=self.level, n=int(self.rows.sum()), state=state)

    def too_few(self) -> tuple[str, State]:
        """Why several groups are no two that can be compared."""
        defined = int(((self.n > 0) & ~self.beside).sum())
        if defined < 2:
            return f"{defined} of {(~self.beside).sum()} groups has anybody to count", "undefined"
        left = np.flatnonzero(self.large & ~self.kept & ~self.beside)
        if (self.large & ~self.beside).sum() > 1 and left.size:
            return (
                f"fewer than two groups can be judged: {self.name(int(left[0]))} has {self.few(int(left[0]))}",
                "sparse",
            )
        return f"fewer than two groups have {self.enough()}", "sparse"

    def enough(self) -> str:
        """What a group needs to be compared."""
        return f"a denominator of at least {self.min_n}"


def _once(c: Compared) -> tuple[int, ...]:
    """The groups of a comparison, or the one that is compared with another side."""
    return (c.first,) if c.first == c.second else (c.first, c.second)
