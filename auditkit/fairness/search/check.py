"""Subgroups: whom does the model treat worst? Conjunctions found on one half of the rows, confirmed on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from auditkit.batch import Batch
from auditkit.catalogue.index import METRICS, rates, resolve
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import DataError, PolicyError, choices, listing, nearest
from auditkit.evidence.coding import Coding, searchable
from auditkit.evidence.crossed import CrossedSums
from auditkit.evidence.sample import row_keys
from auditkit.fairness.search.confirmation import confirm
from auditkit.fairness.search.conjunctions import Direction, search
from auditkit.fairness.search.findings import finding
from auditkit.options import checked_options
from auditkit.records import NotMeasured
from auditkit.stats.rates import Floats


@dataclass(frozen=True)
@checked_options
class Subgroups(BaseCheck):
    """Search every conjunction of up to `depth` conditions for those whose rate differs from everybody else's.

    One half of the rows (by a hash of their content) is searched; what stands out there, at most `most` subgroups, is
    tested on the other half, with Benjamini–Hochberg over all that are tested and intervals at the false-coverage
    level. Only confirmed ones are named, ranked by the lower limit of their effect.

    >>> Subgroups(metric="eror_rate")
    Traceback (most recent call last):
    auditkit.errors.PolicyError: Subgroups does not know the metric 'eror_rate'; it knows ... Did you mean 'error_rate'?
    """

    columns: Sequence[str] | None = None
    """Columns to search; None: all features and sensitive features.

    Where crossing all is more than can be counted, the sensitive features and the first features (of columns that are
    named: the first ones) are crossed, and the others searched one at a time; the report says which.
    """
    depth: int = 3
    """Conditions joined at most, 1–4."""
    support: float = 0.01
    """Share of the counted rows of the search half that a subgroup has at least (and never fewer than 10 rows)."""
    metric: str = "error_rate"
    """A rate of the catalogue, or `mean_error` (score − truth)."""
    bins: int = 4
    """Quantile bins of a numeric column with more values than this."""
    most: int = 20
    """Subgroups that are tested on the other half, at most."""
    coding: Coding | None = None
    """The columns as conditions; None until `fit` saw the rows."""

    def __post_init__(self) -> None:
        known = (*rates(), "mean_error")
        name = (
            resolve(self.metric)[0] if self.metric not in known and nearest(self.metric, known) == "" else self.metric
        )
        if name not in known:
            raise PolicyError(
                f"Subgroups does not know the metric '{self.metric}'; it knows {choices(self.metric, known, most=20)}"
            )
        object.__setattr__(self, "metric", name)
        if isinstance(self.coding, dict):
            object.__setattr__(self, "coding", Coding.from_json(self.coding))
        limits = (("depth", self.depth, 1, 4), ("bins", self.bins, 2, 20), ("most", self.most, 1, 1_000))
        for what, value, low, high in limits:
            if not low <= value <= high:
                raise DataError(f"{what} of Subgroups must lie between {low} and {high}, got {value}")
        if not 0 < self.support < 0.5:
            raise DataError(f"support of Subgroups is a share of the rows, above 0 and below 0.5; got {self.support}")

    @property
    def name(self) -> str:
        """The key of its evidence in a report."""
        return f"subgroups:{self.metric}"

    @property
    def is_rate(self) -> bool:
        """True for shares of rows, False for a mean."""
        return self.metric != "mean_error"

    @property
    def direction(self) -> Direction:
        """The side that is searched: the worse one, or both where neither is worse."""
        return {"lower is better": "higher", "higher is better": "lower"}.get(  # type: ignore[return-value]
            METRICS[self.metric].direction, "either"
        )

    def options(self) -> dict[str, Any]:
        """The options, as JSON."""
        return {**super().options(), "coding": None if self.coding is None else self.coding.to_json()}

    def fit(self, rows: Batch) -> Subgroups:
        """The same check with the edges of its bins, from rows that `inputs.survey` chose; itself if it has them.

        Raises DataError for unknown columns.
        """
        if self.coding is not None:
            return self
        return replace(self, coding=self._coding(rows))

    def gather(self, batch: Batch) -> CrossedSums:
        """Count a batch; an unfitted check takes the batch's own edges, which then add to no other part."""
        coding = self.coding or self._coding(batch)
        frame = searchable(batch)
        for name in coding.edges:
            if name not in frame.columns:
                raise DataError(f"no column '{name}' to search in this part.{nearest(name, frame.columns)}")
        return CrossedSums.gather(
            {name: coding.coded(name, frame[name]) for name in coding.edges},
            outcome(batch, self.metric),
            row_keys(batch) if batch.key is None else batch.key,
            depth=self.depth,
            facts={"metric": self.metric, "depth": self.depth, **coding.to_json()},
            alone=coding.alone,
        )

    def _coding(self, rows: Batch) -> Coding:
        sensitive = [str(c) for c in rows.groups.columns]
        frame = searchable(rows)
        return Coding.of(frame, self.columns, bins=self.bins, depth=self.depth, first=sensitive, levels=rows.levels)

    def assess(self, evidence: CrossedSums, *, level: float = 0.95) -> Assessment:
        """One finding, with a table of every subgroup tested; or why nothing could be searched."""
        reason = self._nothing(evidence)
        if reason:
            what = f"subgroups by {self.metric}"
            return Assessment(not_measured=(NotMeasured(what=what, why=reason, concern="subgroups"),))
        found = search(
            evidence,
            depth=self.depth,
            support=self.support,
            most=self.most,
            direction=self.direction,
            rates=self.is_rate,
        )
        tested = confirm(evidence, found, rates=self.is_rate, level=level)
        return Assessment((finding(self.metric, evidence, found, tested),))

    def _nothing(self, evidence: CrossedSums) -> str:
        if not evidence.labels:
            left_out = evidence.facts["left_out"]
            return f"no column can be searched: {listing(f'{c}: {why}' for c, why in left_out.items()) or 'none given'}"
        rows = evidence.of()[:, 0]
        if not rows.sum():
            return f"no row counts: {METRICS[self.metric].denominator_words}"
        return "too few rows for two halves" if min(rows) < 20 else ""


def outcome(batch: Batch, metric: str) -> Floats:
    """What is averaged, (N,): 1 or 0 for a rate, score − truth for `mean_error`; NaN where a row does not count."""
    truth, decision = batch.y_true.astype(np.int64), batch.y_pred.astype(np.int64)
    if metric == "mean_error":
        score = np.full(len(truth), np.nan) if batch.score is None else batch.score
        return np.where(truth >= 0, score - truth, np.nan)
    cell = np.where((truth >= 0) & (decision >= 0), 2 * truth + decision, 4)
    values = np.full(5, np.nan)
    for t, d in METRICS[metric].denominator:
        values[2 * t + d] = float((t, d) in METRICS[metric].numerator)
    return values[cell]
