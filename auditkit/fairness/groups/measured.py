"""Measured: any number that a row has (NDCG, loss, seconds), its means by group, and how differently it is spread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np

from auditkit.batch import Batch
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.measured import COMPARED as KNOWN
from auditkit.catalogue.measured import KIND, metric_of, named
from auditkit.catalogue.metric import Direction, Metric
from auditkit.catalogue.sentences import group_words
from auditkit.check import Assessment, BaseCheck, Need
from auditkit.errors import DataError, NotExplained, PolicyError, listing
from auditkit.evidence.numbers import Means, NumberSums
from auditkit.fairness.families import against
from auditkit.fairness.families.basis import Basis
from auditkit.fairness.families.distributions import DISTANCES, of_values
from auditkit.fairness.families.family import Answer, Words, nothing_to_compare, tested
from auditkit.fairness.families.quantities import QuantityFamily
from auditkit.fairness.families.weighted import RateSums, WeighedBasis
from auditkit.fairness.sets import compared, sets_of
from auditkit.options import checked_options
from auditkit.question import SPARSE, Question
from auditkit.records import Comparison, Estimate, Finding, NotMeasured, Task
from auditkit.stats.means import shape_of, skewed_limits, too_skewed
from auditkit.stats.pvalues import FamilyInterval
from auditkit.stats.rates import Floats, Limits

COMPARED: tuple[Comparison, ...] = ("difference", "ratio", "group_min", "group_max")
"""What an audit tells of every set of attributes."""
OURS = ("percent", "points", "ratio", "share", "number", "measure", "verdict")
"""Words for how numbers are written, which no unit may be."""
LONGEST = 60
"""Characters of a name or unit."""
DIRECTIONS: dict[str, Direction] = {
    "higher": "higher is better",
    "lower": "lower is better",
    "neither": "equal is fair",
}
NOT_ALIKE = "rows have weights, or clusters: shuffling the labels of groups takes rows for alike and independent"
"""Why distributions of such rows are not compared."""
ALIKE = "all numbers are alike: no spread was seen that an interval could be made of"
"""Said of a column that holds one number."""
_MANY = 1e9
"""So many rows that Student's t is normal, where degrees of freedom are those of clusters already."""
_CELLS = ((0, 0),)


@dataclass(frozen=True)
@checked_options
class Measured(BaseCheck):
    """Any number that every row has: its mean in each group of the sensitive features, and how far they lie apart.

    Parameters
    ----------
    number
        What it is called, `"ndcg"`: rules ask of it as `metric = "measured[ndcg]"`. An audit may ask of several.
    unit
        What it is counted in, `"ms"`; left out: a bare number.
    better
        `"higher"`, `"lower"` or `"neither"`.
    column
        Column of the data that holds it; left out: that of its name. One that is no feature of the model is named in
        `Dataset(leave_out=…)` too.
    of
        A callable that gives it instead: from a `Batch` of N rows (features, truths, decisions, scores) N numbers.
    by
        Sets of attributes, each crossed; None: each declared attribute alone, and all of them crossed.
    reference
        Attribute → value of the group that the others are compared with, too.
    distributions
        Whether to tell how differently the number is distributed, beside its means.

    Rows without a number (NaN) are counted, and told; infinite numbers are an error. Weights and clusters count. Where
    rows have neither it also tells how differently the number is distributed, by the distances of Kolmogorov and
    Smirnov, and of Wasserstein.

    >>> check = Measured("waiting", unit="min", better="lower", by=["sex"])
    >>> sums = NumberSums.of({"sex": ["f", "m"] * 50}, values=[4.0, 3.0, 5.0, 3.5] * 25)
    >>> next(f.statement for f in check.assess(sums).findings if f.comparison == "difference")
    'waiting: m 3.25 min, f 4.5 min, a gap of 1.25 min (95% interval 1.09 min to 1.41 min).'
    """

    NAME: ClassVar[str] = KIND
    tasks: ClassVar[tuple[Task, ...]] = (
        "binary", "multiclass", "regression", "multilabel", "ranking", "answers", "preferences"
    )  # fmt: skip
    BY_SITE: ClassVar[bool] = True
    uses_weights: ClassVar[bool] = True
    uses_strata: ClassVar[bool] = False
    number: str
    unit: str = ""
    better: Literal["higher", "lower", "neither"] = "higher"
    column: str | None = None
    by: Iterable[Iterable[str]] | None = None
    reference: Mapping[str, str] = field(default_factory=dict)
    distributions: bool = True
    of: Callable[[Batch], Any] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        fits = self.number.isprintable() and self.number.strip() and len(self.number) <= LONGEST
        if not fits or named(metric_of(self.number)) is None or "/" in self.number:
            raise PolicyError(
                f"number is a name of at most {LONGEST} characters without brackets and slashes, got {self.number!r}"
            )
        if self.unit in OURS or not self.unit.isprintable() or len(self.unit) > LONGEST:
            raise PolicyError(
                f"unit is what '{self.number}' is counted in, as in unit=\"ms\", and none of {listing(OURS, most=9)} "
                f'(shares of a hundred: "%"); got {self.unit!r}'
            )
        if self.of is not None and (not callable(self.of) or self.column is not None):
            raise PolicyError(f"of is a callable Batch → numbers, and stands instead of a column; got {self.of!r}")

    @property
    def name(self) -> str:
        """The key of its evidence in a report."""
        return f"{KIND}:{self.number}"

    @property
    def needs(self) -> frozenset[Need]:
        """Nothing but its number; of one that a callable makes of the model's outputs, the callable knows."""
        return frozenset()

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns of the data that it reads."""
        return () if self.of is not None else (self.number if self.column is None else self.column,)

    def options(self) -> dict[str, Any]:
        """The options, as JSON; a callable is none."""
        unused = ("of", *(() if self.reference else ("reference",)), *(("distributions",) * self.distributions))
        return {k: v for k, v in super().options().items() if k not in unused}

    def gather(self, batch: Batch) -> NumberSums:
        """Sum the rows of a batch; DataError where its column is not there, or holds no numbers."""
        if batch.of_two:
            raise NotExplained("rows are of two people: of numbers, no interval is known for such rows")
        values = self._of_batch(batch)
        return NumberSums.of(
            batch.groups,
            values=values,
            sample_weight=batch.sample_weight,
            weights_kind=batch.weights_kind,
            cluster=batch.cluster,
        )

    def _of_batch(self, batch: Batch) -> Floats:
        if self.of is not None:
            found = np.asarray(self.of(batch), dtype=np.float64)
            if found.shape != batch.y_true.shape[:1]:
                raise DataError(
                    f"the callable of '{self.number}' gives shape {found.shape} for {len(batch.y_true)} rows: one "
                    "number a row"
                )
            return _finite(found, self.number)
        (name,) = self.reads
        return _finite(batch.numbers(name), name)

    def assess(self, evidence: NumberSums, *, level: float = 0.95) -> Assessment:
        """Every finding."""
        ask = partial(self._family, evidence, level=level)
        findings = [tested(ask(()), "overall")]
        sets = compared(sets_of(self.by, evidence.by), evidence.table("moments_"), what=self.number, concern="fairness")
        for by in sets.sets:
            family = ask(by)
            kinds = [c for c in COMPARED if c != "ratio" or not evidence.negative]
            findings += [tested(family, kind) for kind in kinds]
            if self.reference and set(by) <= set(self.reference):
                of_groups = against.Contrast(family, self.reference)
                findings += [tested(of_groups, c) for c in against.TO_REFERENCE if "ratio" not in c or "ratio" in kinds]
            if evidence.counted_alike and self.distributions:
                own = {metric_of(self.number, m): d for m, d in DISTANCES.items()}
                findings += of_values(evidence.values(*by), own, by, level=level)
        if evidence.counted_alike or not self.distributions:
            return Assessment(tuple(findings), sets.absent)
        what = f"how differently {self.number} is distributed"
        return Assessment(tuple(findings), (*sets.absent, NotMeasured(what=what, why=NOT_ALIKE, concern="fairness")))

    def _family(self, sums: NumberSums, by: Sequence[str], *, level: float) -> MeasuredFamily:
        return family_of(sums, self.number, by, level=level, unit=self.unit, better=self.better)


def _finite(values: Floats, name: str) -> Floats:
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(f"'{name}' is infinite in {int(infinite.sum()):,} rows: a mean of such numbers is none")
    return values


@dataclass(frozen=True)
class MeasuredFamily(QuantityFamily):
    """The means of a number in K crossed groups."""

    basis: Basis = QuantityFamily.basis
    unit: str = ""
    better: str = "neither"
    negative: bool = False
    """Whether some number is below 0, so that means have no ratio."""
    without: int = 0
    """Rows without a number."""

    @property
    def entry(self) -> Metric:
        """What the catalogue says, with the unit and the direction of this number."""
        known = METRICS[self.metric]
        return replace(known, unit=self.unit or known.unit, direction=DIRECTIONS[self.better])

    def told(self, found: Finding) -> Finding:
        """See `GroupFamily`; the catalogue cannot know its unit."""
        return found.model_copy(update={"unit": self.unit, "direction": DIRECTIONS[self.better]})

    def comparison(self, kind: Comparison, value: float | None = None) -> tuple[Estimate, FamilyInterval | None]:
        """See `GroupFamily`; of numbers below 0 there is no ratio."""
        if not self._no_ratio(kind):
            return super().comparison(kind, value)
        none = nothing_to_compare(len(self.groups), _NO_RATIO, level=self.level, n=int(self.rows.sum()))
        return none.model_copy(update={"state": "undefined"}), None

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `Answer`."""
        return None if self._no_ratio(kind) else super().p_value(kind, limit, above=above)

    def said(self, kind: Comparison, e: Estimate, found: FamilyInterval | None, other: str = "") -> str:
        """See `GroupFamily`; a mean that leaves rows out says so."""
        told = super().said(kind, e, found, other)
        if kind != "overall" or not self.without:
            return told
        return told.replace("over everybody", f"over the {e.n:,} of {e.n + self.without:,} people who have it", 1)

    def _no_ratio(self, kind: Comparison) -> bool:
        return self.negative and kind.startswith("ratio")


_NO_RATIO = "some numbers are below 0, and means of such have no ratio"


def family_of(
    sums: NumberSums,
    number: str,
    by: Sequence[str],
    *,
    level: float,
    min_n: int = SPARSE,
    unit: str = "",
    better: str = "neither",
) -> MeasuredFamily:
    """The means of a number in the crossed groups of these attributes; `by=()` gives one group, everybody."""
    means = sums.means(*by)
    basis = Basis(()) if not sums.weighted and means.drawn is None else _basis(sums, means, min_n)
    error, worth = _error(means, basis)
    shape = shape_of(means.skewness, worth)
    with np.errstate(invalid="ignore"):
        alike = (error == 0) & bool(np.nanmax(error, initial=0.0) > 0)
        skewed = (too_skewed(means.skewness, worth) | alike) & (means.n > 1)
    rows = np.where(means.n > 1, worth if means.drawn is None else _MANY, means.n).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        shape = shape * np.sqrt(rows / np.maximum(worth, 1.0))
    at = partial(_limits, means.mean, error, rows, shape, not sums.negative)
    lost, constant = _lost(means, by), bool((error == 0).any() and not (error > 0).any())
    words = Words("t corrected for skewness", "no row with a number", "rows", "every mean is 0: 0/0 is not a ratio")
    return MeasuredFamily(
        metric_of(number),
        tuple(by),
        means.groups,
        means.n,
        means.n,
        at,
        words,
        level,
        min_n,
        most=np.inf,
        remarks=tuple(x for x in (lost, ALIKE if constant else "") if x),
        skewed=skewed,
        basis=basis,
        unit=unit,
        better=better,
        negative=sums.negative,
        without=int(means.missing.sum()),
    )


def _basis(sums: NumberSums, means: Means, min_n: int) -> WeighedBasis:
    """A mean about itself is a rate of 0: all of Σw counts, and what is drawn is by how much that is off."""
    zero = np.zeros(len(means.w))
    off = None if means.drawn is None else (means.drawn[1], means.drawn[0] - means.drawn[1])
    people = None if means.drawn is None else (zero, means.w)
    scale = zero.astype(np.int64)
    part = RateSums(zero, means.w, zero, means.w2, scale, off, means.measure, None, people, means.seen, (), _CELLS)
    return WeighedBasis((part,), sums.weighted, means.n >= max(1, min_n), min_n)


def _error(means: Means, basis: Basis) -> tuple[Floats, Floats]:
    """(K,) standard errors, and how many rows that count alike and are independent have the same."""
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = np.where(means.w2 > 0, means.w**2 / means.w2, 0.0)
        if not isinstance(basis, WeighedBasis) or basis.clusters is None:
            return np.sqrt(means.variance), alike
        (part,) = basis.parts
        variance = np.where(means.n > 1, part.variance * part.clusters.inflation, np.nan)
        worth = np.where(variance > 0, alike * means.variance / variance, alike)
        return np.sqrt(variance), np.maximum(np.fmin(worth, alike), np.minimum(part.clusters.n, alike))


def _limits(mean: Floats, error: Floats, n: Floats, shape: Floats, positive: bool, z: float | Floats) -> Limits:
    """Of a mean; of what cannot be negative at least 0. Of numbers that are all alike, the mean itself."""
    low, high = (np.where(error == 0, mean, x) for x in skewed_limits(mean, error, n, shape, z))
    return Limits(mean, np.maximum(low, 0.0) if positive else low, high)


def _lost(means: Means, by: Sequence[str]) -> str:
    """Which rows have no number, in words."""
    total = int(means.missing.sum())
    if not total:
        return ""
    each = [
        f"{group_words(by, g)} {m:,} of {m + n:,}" for g, m, n in zip(means.groups, means.missing, means.n, strict=True)
    ]
    return f"rows without a number, which enter no mean: {listing(each, most=12) if by else f'{total:,}'}"


def answering(sums: NumberSums, asked: Question, *, unit: str = "", better: str = "neither") -> Answer | None:
    """What answers a question from stored sums; None if they cannot. PolicyError for a reference that is no group."""
    known, number = asked.of_attributes(sums.by), named(asked.metric)
    if known is None or number is None or asked.comparison not in KNOWN:
        return None
    family = family_of(sums, number, known.by, level=asked.level, min_n=asked.min_n, unit=unit, better=better)
    if asked.comparison not in against.TO_REFERENCE:
        return family
    against.check_reference(sums.by, lambda a: [g for (g,) in sums.groups(a)], asked.reference or {})
    return against.Contrast(family, asked.reference)


def absent(number: str, there: Sequence[str]) -> str:
    """That nobody measured a number, and which were."""
    return f"no Measured('{number}') in this audit; measured are {listing(sorted(there))}"
