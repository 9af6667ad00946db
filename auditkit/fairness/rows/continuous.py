"""ContinuousAttribute: do decisions go with an attribute that is a number? Without bins, on a random sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from auditkit.batch import Batch
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import none_established, too_small
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import DataError, PolicyError, nearest
from auditkit.evidence.observations import Observations
from auditkit.evidence.rare import edge
from auditkit.fairness import notes
from auditkit.fairness.families.family import number
from auditkit.formatting import confidence, plain, points, quantity
from auditkit.options import checked_options
from auditkit.question import SPARSE
from auditkit.records import Comparison, Curve, Estimate, Exhibit, Finding, NotMeasured, Series, Table
from auditkit.stats.dependence import Permuted, distance_correlation, generalized_parity, kernel_weights, silverman
from auditkit.stats.families import of_rates
from auditkit.stats.rates import Floats, critical_value, wilson

if TYPE_CHECKING:
    from auditkit.inputs.model import Model

PERMUTATIONS = 199
FEWEST = 50
"""Rows below which nothing is said."""
PLACES = 25
"""Points of the curve, at quantiles of the attribute."""


@dataclass(frozen=True)
@checked_options
class ContinuousAttribute(BaseCheck):
    """Whether decisions and scores go with a continuous attribute, as age: no bins unless edges are given.

    Parameters
    ----------
    column
        A numeric column of the data; it need not be a sensitive feature.
    bandwidth
        Of the Gaussian kernel, in the unit of the column; None: Silverman's.
    edges
        Inner edges of bins, rising: [30, 45] makes three. Their rates are shown too, with the gap of the family.
    rows
        Of the random sample, at most, 50–2,000: the work grows with their square.

    Findings: generalised demographic parity of the decisions, and the distance correlation of the score (of the
    decision where there is no score) and the attribute, each with a permutation p.

    >>> ContinuousAttribute("age", edges=[45, 30])
    Traceback (most recent call last):
    auditkit.errors.PolicyError: edges of 'age' must be finite and rise; got [45, 30]
    """

    NO_SUM: ClassVar[str] = (
        "each row was compared with the rows of its own part, those of other parts never, and rows of one part were "
        "dealt out anew for its p"
    )
    column: str
    bandwidth: float | None = None
    edges: Sequence[float] = ()
    rows: int = 1_000

    def __post_init__(self) -> None:
        edges = [float(e) for e in self.edges]
        if not all(np.isfinite(edges)) or any(a >= b for a, b in pairwise(edges)):
            raise PolicyError(f"edges of '{self.column}' must be finite and rise; got {list(self.edges)}")
        if self.bandwidth is not None and not 0 < self.bandwidth < np.inf:
            raise PolicyError(f"bandwidth must be above 0, in the unit of '{self.column}'; got {self.bandwidth}")
        if not FEWEST <= self.rows <= 2_000:
            raise PolicyError(f"rows is a number from {FEWEST} to 2,000; got {self.rows}")
        object.__setattr__(self, "edges", tuple(edges))

    @property
    def name(self) -> str:
        """The key of its evidence in a report."""
        return f"continuous_attribute:{self.column}"

    def study(self, sample: Batch, model: Model | None) -> Observations:
        """What the rows say, without the rows; DataError where the column is none of numbers."""
        x = _numeric(sample.features, self.column)
        known = np.isfinite(x) & (sample.y_pred >= 0)
        where = np.flatnonzero(known)[: self.rows]
        x, decision = x[where], sample.y_pred[where].astype(float)
        score = decision if sample.score is None else sample.score[where]
        scored = sample.score is not None and bool(np.isfinite(score).all())
        bandwidth = self.bandwidth or silverman(x)
        facts: dict[str, Any] = {
            "rows": len(x), "missing": int((~known).sum()), "bandwidth": bandwidth, "scored": scored,
            "values": len(np.unique(x)),
        }  # fmt: skip
        if len(x) < FEWEST or facts["values"] < 2:
            return Observations({}, {}, facts)
        rng = np.random.default_rng(0)
        parity = generalized_parity(x, decision, bandwidth=bandwidth, permutations=PERMUTATIONS, rng=rng)
        distance = distance_correlation(x, score if scored else decision, permutations=PERMUTATIONS, rng=rng)
        places = _places(x)
        facts |= {
            "parity": list(parity), "distance": [number(v) for v in distance], "places": places.tolist(),
            "curve": (kernel_weights(places, x, bandwidth) @ decision).tolist(), "mean": float(decision.mean()),
        }  # fmt: skip
        if self.edges:
            bins = np.digitize(x, self.edges)
            size = len(self.edges) + 1
            facts["counted"] = np.bincount(bins, minlength=size).tolist()
            facts["selected"] = np.bincount(bins, weights=decision, minlength=size).astype(int).tolist()
        return Observations({}, {}, facts)

    def assess(self, evidence: Observations, *, level: float = 0.95) -> Assessment:
        """Two findings of concern `fairness`, or why there are none."""
        facts = evidence.facts
        if "parity" not in facts:
            why = f"'{self.column}' has one value only" if facts["values"] == 1 else (
                f"{facts['rows']} rows with '{self.column}' and a decision in the sample; {FEWEST} are needed"
            )  # fmt: skip
            return Assessment(not_measured=(NotMeasured(what=self.name, why=why, concern="fairness"),))
        parity, distance = Permuted(*facts["parity"]), facts["distance"]
        about = [f"{facts['rows']:,} rows drawn at random, {PERMUTATIONS} permutations"]
        if facts["missing"]:
            about.append(f"{facts['missing']:,} sampled rows left out: '{self.column}' or the decision is missing")
        how = "given" if self.bandwidth else "Silverman's"
        exhibits, binned = self._binned(facts, level)
        kernel = f"Gaussian kernel, bandwidth {plain(facts['bandwidth'])} ({how})"
        told = (kernel, *about, *binned)
        shown: tuple[Exhibit, ...] = (self._curve(facts), *exhibits)
        findings: list[Finding] = []
        alike = {"generalised demographic parity": facts["mean"] in (0, 1), "distance correlation": distance[0] is None}
        if facts["mean"] not in (0, 1):
            findings.append(
                self._finding("generalized_demographic_parity", "difference", parity, facts, level, shown, told)
            )
        if distance[0] is not None:
            of = "the score" if facts["scored"] else "the decision, for want of scores,"
            told = (f"between {of} and {self.column}", *about)
            findings.append(
                self._finding("distance_correlation", "overall", Permuted(*distance), facts, level, (), told)
            )
        why = "all decisions of the sample are alike"
        absent = (NotMeasured(what=what, why=why, concern="fairness") for what, one in alike.items() if one)
        return Assessment(tuple(findings), tuple(absent))

    def _finding(
        self, metric: str, comparison: Comparison, found: Permuted, facts: dict[str, Any], level: float,
        exhibits: tuple[Exhibit, ...], about: tuple[str, ...],
    ) -> Finding:  # fmt: skip
        m = METRICS[metric]
        size, by_chance = (quantity(x, comparison, of=m.unit) for x in (found.value, found.null_mean))
        beside = f"{size}; by chance alone {by_chance}, p = {found.p:.3g}"
        if found.p >= 1 - level:
            least = max(found.value, found.null_high)  # NaN in evidence of before: then the value alone is known
            unseen = too_small(None if np.isnan(found.null_high) else quantity(least, comparison, of=m.unit))
            statement = f"{m.title}: {none_established('dependence', f'on {self.column}')} ({beside}{unseen})."
        else:
            statement = f"{m.wording.one.format(along=self.column, x=beside)}."
        e = Estimate(
            value=found.value, level=level, n=facts["rows"], method=f"{PERMUTATIONS} permutations",
            note="no interval: the value lies above 0 by chance alone; judge it by its p",
        )  # fmt: skip
        told = (f"permutation p = {found.p:.3g}; mean of the permutations {by_chance}", *about)
        title = notes.title_of(metric, (self.column,))
        return notes.finding(
            metric, comparison, (self.column,), e, statement, title=title, exhibits=exhibits, notes=told, p=found.p
        )

    def _curve(self, facts: dict[str, Any]) -> Curve:
        places, mean = facts["places"], facts["mean"]
        return Curve(
            title=f"Selection rate along {self.column}",
            unit_x=self.column,
            unit_y="share selected",
            series=(
                Series(name=f"at this {self.column}", x=tuple(places), y=tuple(facts["curve"])),
                Series(name="everybody", x=tuple(places), y=(mean,) * len(places)),
            ),
        )

    def _binned(self, facts: dict[str, Any], level: float) -> tuple[tuple[Table, ...], tuple[str, ...]]:
        """Rates in the bins that the user gave, and their gap."""
        if "counted" not in facts:
            return (), ()
        ends = [f"{e:.10g}" for e in self.edges]  # as they were given
        labels = [f"below {ends[0]}", *(f"{a} to below {b}" for a, b in pairwise(ends)), f"{ends[-1]} and above"]
        k, n = np.array(facts["selected"]), np.array(facts["counted"])
        shares = zip(labels, n.tolist(), *wilson(k, n, critical_value(level)), strict=True)
        table = Table(
            title=f"Selection rate by bins of {self.column}",
            columns=(self.column, "Rows", "Selected", "Lower limit", "Upper limit"),
            rows=tuple((label, c, *map(number, x)) for label, c, *x in shares),
            units=("", "", "percent", "percent", "percent"),
        )
        kept = n >= SPARSE
        if kept.sum() < 2:
            return (table,), (f"fewer than two of the bins given have {SPARSE} rows: they are not compared",)
        g = of_rates("difference", k[kept], n[kept], level=level)
        limits = f"{confidence(level)} interval {points(g.low)} to {points(g.high)}"
        return (table,), (f"largest gap between the bins given: {points(g.value)} points ({limits})",)


def _places(x: Floats) -> Floats:
    """Quantiles, each as a value that ten rows hold or a number that none holds."""
    ordered = np.sort(x)
    cuts = np.quantile(ordered, np.linspace(0.02, 0.98, PLACES), method="inverted_cdf")
    found = {edge(ordered, float(cut)) for cut in cuts}
    return np.array(sorted(v for v in found if v is not None))


def _numeric(features: pd.DataFrame, name: str) -> Floats:
    if name not in features.columns:
        raise DataError(
            f"no column '{name}' for ContinuousAttribute among the features.{nearest(name, map(str, features.columns))}"
        )
    column = features[name]
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        raise DataError(f"'{name}' holds {column.dtype}, no numbers: declare it in sensitive_features instead")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
