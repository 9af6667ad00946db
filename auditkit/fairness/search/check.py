"""Subgroups: whom does the model treat worst? Conjunctions found on one half of the rows, confirmed on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from auditkit.arrays import Keys
from auditkit.batch import Batch
from auditkit.catalogue.index import METRICS, rates, resolve
from auditkit.check import Assessment, BaseCheck, Need
from auditkit.errors import DataError, NotExplained, PolicyError, choices, listing, nearest
from auditkit.evidence.clusters import cluster_hashes
from auditkit.evidence.coding import Coding, searchable
from auditkit.evidence.crossed import CrossedSums
from auditkit.evidence.crossed_rows import MOST_CONTENTS, CrossedRows
from auditkit.evidence.sample import row_keys
from auditkit.fairness.search.confirmation import confirm
from auditkit.fairness.search.conjunctions import FEWEST, Direction, search
from auditkit.fairness.search.findings import finding
from auditkit.options import checked_options
from auditkit.records import NotMeasured
from auditkit.stats.rates import Floats

MOST_EQUAL = 1.02
"""Equals of a row on average, itself among them, up to which rows may be taken for different though equal ones share a
half."""


@dataclass(frozen=True)
@checked_options
class Subgroups(BaseCheck):
    """Search every conjunction of up to `depth` conditions for those whose rate differs from everybody else's.

    One half of the rows (by a hash) is searched; what stands out there, at most `most` subgroups, is tested on the
    other half, with Benjamini–Hochberg over all that are tested and intervals at the false-coverage level. Only
    confirmed ones are named, ranked by the lower limit of their effect.

    Rows of one cluster share a half and count as one observation. Equal rows are different people, each put into a half
    by itself: by its declared id (`row_id`), or by a draw of as many as there are. Where the rows are of more than
    131,072 kinds and have no id, equal ones stay together, and nothing is said unless hardly any are equal.

    >>> Subgroups(metric="eror_rate")
    Traceback (most recent call last):
    auditkit.errors.PolicyError: Subgroups does not know the metric 'eror_rate'; it knows ... Did you mean 'error_rate'?
    """

    uses_clusters: ClassVar[bool] = True
    FITTED: ClassVar[tuple[str, ...]] = ("coding",)
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
    def needs(self) -> frozenset[Need]:
        """See `BaseCheck`."""
        return frozenset({"decisions", "truths"}) if METRICS[self.metric].needs_truths else super().needs

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

    def gather(self, batch: Batch) -> CrossedSums | CrossedRows:
        """Count a batch; an unfitted check takes the batch's own edges, which then add to no other part."""
        if batch.of_two:
            raise NotExplained("rows are of two people, who have other rows too: no two halves of them are independent")
        coding = self.coding or self._coding(batch)
        frame = searchable(batch)
        for name in coding.edges:
            if name not in frame.columns:
                raise DataError(f"no column '{name}' to search in this part.{nearest(name, frame.columns)}")
        unit = "cluster" if batch.cluster is not None else "content" if batch.row_id is None else "row"
        columns = {name: coding.coded(name, frame[name]) for name in coding.edges}
        facts = {"metric": self.metric, "depth": self.depth, "unit": unit, **coding.to_json()}
        how: Any = {"depth": self.depth, "facts": facts, "alone": coding.alone, "numbers": not self.is_rate}
        if unit == "content":
            return CrossedRows.gather(columns, outcome(batch, self.metric), _keys(batch), **how)
        return CrossedSums.gather(columns, outcome(batch, self.metric), _keys(batch), apart=unit == "row", **how)

    def _coding(self, rows: Batch) -> Coding:
        sensitive = [str(c) for c in rows.groups.columns]
        frame = searchable(rows)
        return Coding.of(frame, self.columns, bins=self.bins, depth=self.depth, first=sensitive, levels=rows.levels)

    def assess(self, evidence: CrossedSums | CrossedRows, *, level: float = 0.95) -> Assessment:
        """One finding, with a table of every subgroup tested; or why nothing could be searched."""
        evidence = evidence.sums()
        reason = self._nothing(evidence)
        if reason:
            return self._not_measured(reason)
        found = search(
            evidence,
            depth=self.depth,
            support=self.support,
            most=self.most,
            direction=self.direction,
            rates=self.is_rate,
        )
        if not found.searched:
            return self._not_measured(_too_small(evidence, self.support))
        tested = confirm(evidence, found, rates=self.is_rate, level=level)
        return Assessment((finding(self.metric, evidence, found, tested),))

    def _not_measured(self, why: str) -> Assessment:
        what = f"subgroups by {self.metric}"
        return Assessment(not_measured=(NotMeasured(what=what, why=why, concern="subgroups"),))

    def _nothing(self, evidence: CrossedSums) -> str:
        if not evidence.labels:
            left_out = evidence.facts["left_out"]
            return f"no column can be searched: {listing(f'{c}: {why}' for c, why in left_out.items()) or 'none given'}"
        rows = evidence.of()[:, 0]
        if not rows.sum():
            return f"no row counts: {METRICS[self.metric].denominator_words}"
        equal = evidence.copies.average
        if evidence.facts.get("unit") == "content" and not evidence.apart and equal > MOST_EQUAL:
            return (
                f"the rows are of more kinds than can be counted ({MOST_CONTENTS:,} at most), and a row has "
                f"{equal:.3g} exact copies on average, itself among them, of which one half would take all: declare "
                "row_id=…, the column that tells them apart, or name fewer columns"
            )
        return "too few rows for two halves" if min(rows) < 20 else ""


def _too_small(evidence: CrossedSums, support: float) -> str:
    """Why no subgroup could be looked at."""
    rows, each = float(evidence.of()[0, 0]), evidence.together
    what = f"rows, {each:.3g} of which count as one observation" if each > MOST_EQUAL else "rows"
    return (
        f"no subgroup is large enough to be searched: one half has {rows:,.0f} {what}, and a subgroup needs "
        f"{FEWEST} observations there, or {support:.3g} of all"
    )


def _keys(batch: Batch) -> Keys:
    """(N,) a hash of what each row is one of: its cluster, or itself."""
    if batch.key is not None:
        return batch.key
    return row_keys(batch) if batch.cluster is None else cluster_hashes(batch.cluster)


def outcome(batch: Batch, metric: str) -> Floats:
    """What is averaged, (N,): 1 or 0 for a rate, score − truth for `mean_error`; NaN where a row does not count."""
    truth, decision = batch.y_true.astype(np.int64), batch.y_pred.astype(np.int64)
    if metric == "mean_error":
        if batch.scale is not None and not batch.scale.probability:
            raise NotExplained(batch.scale.why)
        score = np.full(len(truth), np.nan) if batch.score is None else batch.score
        return np.where(truth >= 0, score - truth, np.nan)
    values = np.full((3, 3), np.nan)
    for t, d in METRICS[metric].denominator:
        values[t + 1, d + 1] = float((t, d) in METRICS[metric].numerator)
    return values[truth + 1, decision + 1]
