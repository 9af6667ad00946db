"""Proxies: which features tell a sensitive attribute, alone and together? On a random sample, cross-fitted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.arrays import Positions
from auditkit.batch import Batch
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import listing
from auditkit.evidence.observations import Observations
from auditkit.evidence.sample import row_weights
from auditkit.fairness.families.family import estimated
from auditkit.fairness.notes import finding, title_of
from auditkit.fairness.rows.encoding import Encoded, encoded, seen_columns
from auditkit.fairness.sets import sets_of
from auditkit.formatting import confidence, interval_in, quotient
from auditkit.options import checked_options
from auditkit.question import SPARSE
from auditkit.records import Estimate, Finding, GroupEstimates, NotMeasured
from auditkit.stats.auc import Auc, auc_limits
from auditkit.stats.crossfit import auc_of, of_shared_fits, over_folds, p_of_half
from auditkit.stats.multiplicity import benjamini_hochberg, coverage_adjusted_level
from auditkit.stats.rates import Floats, critical_value

if TYPE_CHECKING:
    from auditkit.inputs.model import Model

MOST_ROWS = 5_000
MOST_GROUPS = 12
"""Groups of an attribute that are told from the rest, the largest first."""
FOLDS = 5


@dataclass(frozen=True)
@checked_options
class Proxies(BaseCheck):
    """How well single features, and all of them, tell each group of a sensitive attribute from the rest.

    The AUC of a logistic regression on one feature, or on all, fitted on four fifths of the sampled rows and scored on
    the others. Features are what the model reads, where its preprocessing says so; sensitive
    features are not among them. Benjamini–Hochberg over all features and groups of an attribute.

    Rows are people: equal ones may fall into different folds. Of rows of one cluster, one is taken.

    >>> Proxies().name
    'proxies'
    """

    NAME: ClassVar[str] = "proxies"
    NO_SUM: ClassVar[str] = (
        "how well a column tells two people apart was asked of pairs of rows of one part, and no two rows of different "
        "parts were compared"
    )
    uses_clusters: ClassVar[bool] = True
    by: Sequence[str] | None = None
    """Sensitive features to tell; None: all declared."""

    def study(self, sample: Batch, model: Model | None) -> Observations:
        """Every AUC; PolicyError for an attribute that is not declared."""
        declared = [str(a) for a in sample.groups]
        asked = declared if self.by is None else [a for (a,) in sets_of([(a,) for a in self.by], declared)]
        rows = _rows(sample)
        features, groups = sample.features.iloc[rows], sample.groups.iloc[rows]
        x = encoded(features[seen_columns(features, model)], without=declared)
        tests: list[_Test] = []
        small: dict[str, list[str]] = {}
        for attribute in asked:
            group = groups[attribute].astype("str").to_numpy(dtype=object)
            told, small[attribute] = _told(group)
            for name in told if x.columns else []:
                tests += [_Test(attribute, name, f, a) for f, a in _aucs(x, (group == name).astype(np.int8))]
        return Observations(
            {k: np.array([float(getattr(t.auc, k)) for t in tests]) for k in _NUMBERS},
            {k: [str(getattr(t, k)) for t in tests] for k in _LABELS},
            {
                "rows": len(rows), "features": len(x.columns), "asked": asked, "left_out": x.left_out, "small": small,
                **({} if sample.cluster is None else {"clusters": True}),
            },
        )  # fmt: skip

    def assess(self, evidence: Observations, *, level: float = 0.95) -> Assessment:
        """Two findings an attribute, of concern `data`: the strongest feature, and all together."""
        findings: list[Finding] = []
        nothing: list[NotMeasured] = []
        for attribute in evidence.facts["asked"]:
            tests = _tests(evidence, attribute)
            if not tests:
                why = f"fewer than two groups of {attribute} have {SPARSE} rows in the sample"
                if not evidence.facts["features"]:
                    why = "no feature is left that varies"
                nothing.append(NotMeasured(what=f"proxies of {attribute}", why=why, concern="data"))
                continue
            findings += _findings(attribute, tests, evidence.facts, level)
        return Assessment(tuple(findings), tuple(nothing))


def _rows(sample: Batch) -> Positions:
    """At most `MOST_ROWS` positions, drawn at random: each row as often as it stands for copies, or one a cluster."""
    rows = np.repeat(np.arange(len(sample.y_true)), np.rint(row_weights(sample)).astype(np.int64))
    rng = np.random.default_rng(0)
    if sample.cluster is not None:
        rows = rng.permutation(rows)
        rows = rows[~pd.DataFrame(sample.cluster[rows]).duplicated().to_numpy()]
    elif sample.weight is not None:
        rows = rng.permutation(rows)
    return np.sort(rows[:MOST_ROWS])


ALL = ""
"""The feature that stands for all of them."""
_LABELS, _NUMBERS = ("attribute", "group", "feature"), ("value", "error", "positives", "negatives")
"""What the evidence keeps of each test."""


class _Test(NamedTuple):
    attribute: str
    group: str
    feature: str
    auc: Auc


def _told(group: NDArray[np.object_]) -> tuple[list[str], list[str]]:
    """Groups told from the rest, the largest first, of two the smaller only; and those not told."""
    names, counts = np.unique(group, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    enough = [str(names[i]) for i in order if SPARSE <= counts[i] <= len(group) - SPARSE]
    if len(names) == 2:
        return enough[-1:], [] if enough else [str(names[i]) for i in order]
    told = enough[:MOST_GROUPS]
    return told, [str(names[i]) for i in order if names[i] not in told]


def _aucs(x: Encoded, y: NDArray[np.int8]) -> list[tuple[str, Auc]]:
    """Cross-fitted AUC of every feature, and of all."""
    return [*((name, crossfitted(part, y)) for name, part in x.columns.items()), (ALL, crossfitted(x.all, y))]


def crossfitted(x: Floats, y: NDArray[np.int8]) -> Auc:
    """The AUC over folds, each scored by a logistic regression of y (N,) on x (N, d) that was fitted on the others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    parts = []
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(x, y):
        fitted = LogisticRegression(max_iter=1_000).fit(x[train], y[train])
        parts.append(auc_of(y[test], fitted.predict_proba(x[test])[:, 1]))
    return over_folds(parts)


def _tests(evidence: Observations, attribute: str) -> list[_Test]:
    labels = zip(*(evidence.labels[k] for k in _LABELS), strict=True)
    numbers = zip(*(evidence.columns[k].tolist() for k in _NUMBERS), strict=True)
    return [
        _Test(attribute, group, feature, of_shared_fits(Auc(value, error, 0.0, int(m), int(n))))
        for (of, group, feature), (value, error, m, n) in zip(labels, numbers, strict=True)
        if of == attribute
    ]


def _findings(attribute: str, tests: list[_Test], facts: dict[str, Any], level: float) -> list[Finding]:
    adjusted = benjamini_hochberg([p_of_half(t.auc) for t in tests])
    shown = [t.auc.value > 0.5 and p <= 1 - level for t, p in zip(tests, adjusted, strict=True)]
    at = coverage_adjusted_level(level, int((adjusted <= 1 - level).sum()), len(tests))
    estimates = {(t.feature, t.group): _estimate(t.auc, at) for t in tests}
    groups = tuple(dict.fromkeys(t.group for t in tests))
    best = {f: max(t.auc.value for t in tests if t.feature == f) for f in dict.fromkeys(t.feature for t in tests)}
    ranked = sorted((f for f in best if f != ALL), key=lambda f: -best[f])
    exhibit = GroupEstimates(
        title=f"How well each feature tells {attribute}",
        unit="AUC",
        series=tuple(f"{g} against the rest" for g in groups),
        rows=tuple((f or "all features together", tuple(estimates[f, g] for g in groups)) for f in [ALL, *ranked]),
    )
    notes = [
        f"{facts['rows']:,} rows drawn at random{', one a cluster' if facts.get('clusters') else ''}, {FOLDS} folds: "
        "each is scored by a fit on the others",
        f"intervals at {confidence(at)}, adjusted for {len(tests)} tests of features and groups (Benjamini–Hochberg)",
        "read by logistic regressions, which see what rises or falls with a number and adds up over features",
    ]
    if facts["small"][attribute]:
        notes.append(f"groups not told, too few rows or too many groups: {listing(facts['small'][attribute])}")
    if facts["left_out"]:
        notes.append(f"features left out: {listing(f'{c} ({why})' for c, why in facts['left_out'].items())}")
    out = []
    for metric, of_all in (("proxy_auc", False), ("attribute_auc", True)):
        asked = [i for i, t in enumerate(tests) if (t.feature == ALL) == of_all]
        first = max(asked, key=lambda i: tests[i].auc.value)
        top, e = tests[first], estimates[tests[first].feature, tests[first].group]
        size = f"AUC {quotient(e)}, {interval_in(e, quotient)}"
        what = "All features together tell" if of_all else f"{top.feature} tells"
        statement = f"{what} {top.group} from the rest of {attribute} ({size}; 0.50 would tell nothing)."
        if not shown[first]:
            what = "all features together tell" if of_all else "any single feature tells"
            statement = f"It is not established that {what} the groups of {attribute} (best: {size})."
        out.append(
            finding(
                metric,
                "group_max",
                (attribute,),
                e,
                statement,
                concern="data",
                title=title_of(metric, (attribute,)),
                exhibits=() if of_all else (exhibit,),
                notes=notes,
                p=float(adjusted[first]) if top.auc.value > 0.5 else 1.0,
            )
        )
    return out


def _estimate(a: Auc, level: float) -> Estimate:
    limits, n = auc_limits(a, critical_value(level)), a.positives + a.negatives
    method = "DeLong a fold, twice the variance for fits that share rows, logit scale; false-coverage level"
    state = "undefined" if math.isnan(a.value) else "ok"
    return estimated(a.value, *limits, level=level, n=n, method=method, state=state)
