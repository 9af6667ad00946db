"""Scores: do scores rank and mean the same in every group? From one score histogram."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from auditkit.batch import Batch
from auditkit.catalogue.index import METRICS
from auditkit.check import Assessment, BaseCheck, Need
from auditkit.evidence.drift import Steps
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.fairness.families.family import Answer, tested
from auditkit.fairness.scores import drift
from auditkit.fairness.scores.curves import between_roc_curves, reliability, roc_curves
from auditkit.fairness.scores.findings import Readings
from auditkit.fairness.scores.remedies import remedies_finding
from auditkit.fairness.scores.values import CROSSED, OF_PROBABILITIES, READ, GroupScores, read_each, scores_of
from auditkit.fairness.sets import Attributes, compared, sets_of
from auditkit.options import checked_options
from auditkit.question import SPARSE, Question
from auditkit.records import Comparison, Concern, Exhibit, Finding, NotMeasured


@dataclass(frozen=True)
@checked_options
class Scores(BaseCheck):
    """How scores rank and how they are calibrated, overall and by group, and what other thresholds would buy.

    Parameters
    ----------
    by
        Sets of attributes, each crossed: `[["gender"], ["gender", "race"]]`. None: each declared attribute alone,
        and all of them crossed.

    Findings: AUC (`roc_auc`), its gap and its smallest, cross-group AUCs, ABROCA, calibration error, calibration in
    the large, slope and intercept, cumulative calibration error, the price of equal selection (each half of the rows
    judged at thresholds that the other half chose; not of weighted or clustered rows).

    >>> h = ScoreHistogram.of({"g": ["a"] * 40}, y_true=[0, 1] * 20, y_pred=[0, 1] * 20, score=[0.2, 0.9] * 20)
    >>> Scores().assess(h).findings[0].estimate.value
    1.0
    """

    NAME: ClassVar[str] = "scores"
    BY_SITE: ClassVar[bool] = True
    by: Iterable[Iterable[str]] | None = None

    @property
    def needs(self) -> frozenset[Need]:
        """See `BaseCheck`."""
        return frozenset({"truths", "decisions"})

    def gather(self, batch: Batch) -> ScoreHistogram:
        """Count the rows of a batch; without scores, every row is one whose score is missing."""
        score = np.full(len(batch.y_true), np.nan) if batch.score is None else batch.score
        counted = ScoreHistogram.of(batch.groups, y_true=batch.y_true, y_pred=batch.y_pred, score=score)
        beside = {"clusters": batch.cluster, "weights": batch.sample_weight}
        declared = tuple(what for what, values in beside.items() if values is not None)
        return replace(counted, measure=drift.measured, declared=declared, scale=batch.scale)

    def assess(self, evidence: ScoreHistogram, *, level: float = 0.95) -> Assessment:
        """Every finding; without a single score, what was not measured."""
        asked = sets_of(self.by, evidence.by)
        if not evidence.rows:
            why = "no score column" if evidence.missing_rows("score") else "no row with target, decision and score"
            concerns: tuple[Concern, ...] = ("calibration", "mitigation")
            return Assessment(not_measured=tuple(NotMeasured(what=self.name, why=why, concern=c) for c in concerns))
        lost = {what: evidence.missing_rows(what) for what in ("truth", "decision", "score")}
        notes = [f"{n:,} rows left out: their {what} is missing" for what, n in lost.items() if n]
        told = metrics_of(evidence)
        findings = [tested(read(evidence, (), m, level=level), "overall", notes=notes) for m in READ if m in told]
        sets = compared(asked, evidence.table("cells"), what="scores", concern="calibration")
        not_measured = list(sets.absent)
        if why := no_calibration(evidence):
            not_measured.append(NotMeasured(what="calibration", why=why, concern="calibration"))
        for by in sets.sets:
            findings += _of_set(evidence, by, level=level)
            between = between_roc_curves(evidence, by, level=level)
            remedy = remedies_finding(evidence, by, level=level)
            findings += [x for x in (between, remedy) if isinstance(x, Finding)]
            not_measured += [x for x in (between, remedy) if isinstance(x, NotMeasured)]
        return Assessment(tuple(findings), tuple(not_measured))


def read(evidence: ScoreHistogram, by: Attributes, metric: str, *, level: float, min_n: int = SPARSE) -> Readings:
    """One metric in every crossed group of these columns; `by=()` reads everybody."""
    found = scores_of(evidence, by)
    return read_groups(found, by, metric, level=level, min_n=min_n, steps=evidence.steps(by))


def read_groups(
    found: Sequence[tuple[tuple[str, ...], GroupScores]],
    by: Attributes,
    metric: str,
    *,
    level: float,
    min_n: int = SPARSE,
    steps: Mapping[tuple[str, ...], Steps] | None = None,
) -> Readings:
    """One metric of groups that were read off a histogram; `steps`: what merging its bins cost."""
    read_ = read_each(metric, [g for _, g in found], min_n)
    if steps is not None:
        read_ = tuple(drift.told(r, metric, steps.get(k), min_n) for (k, _), r in zip(found, read_, strict=True))
    return Readings(metric, by, tuple(k for k, _ in found), read_, level)


def answering(evidence: ScoreHistogram, asked: Question) -> Answer | None:
    """What answers a question from a stored histogram; None if it cannot (another metric, other attributes, no rows).

    `min_n`: positives and negatives that a group needs for AUCs and logistic fits, else rows.
    """
    known, metric = asked.of_attributes(evidence.by), asked.metric
    if known is None or not evidence.rows or asked.comparison not in METRICS[metric].comparisons:
        return None
    if metric == "abroca":
        between = between_roc_curves(evidence, known.by, level=asked.level, min_n=asked.min_n)
        return Shown(between) if isinstance(between, Finding) else None
    if metric not in metrics_of(evidence):
        return None
    return read(evidence, known.by, metric, level=asked.level, min_n=asked.min_n)


def metrics_of(evidence: ScoreHistogram) -> tuple[str, ...]:
    """Those that these scores can tell, in the order of the report."""
    silent = OF_PROBABILITIES if no_calibration(evidence) else ()
    return tuple(m for m in (*READ, *CROSSED) if m not in silent)


def no_calibration(evidence: ScoreHistogram) -> str:
    """Why scores cannot be held to what happened; empty where they may be probabilities."""
    return "" if evidence.scale is None or evidence.scale.probability else evidence.scale.why


@dataclass(frozen=True)
class Shown:
    """A finding without a test of its own: a rule can judge its point value alone."""

    found: Finding

    def finding(self, kind: Comparison) -> Finding:
        """See `Answer`."""
        return self.found

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `Answer`: none."""
        return None


def _of_set(evidence: ScoreHistogram, by: Attributes, *, level: float) -> list[Finding]:
    found = scores_of(evidence, by)
    steps = evidence.steps(by)
    exhibits: dict[tuple[str, Comparison], Exhibit] = {
        ("roc_auc", "difference"): roc_curves(found, by),
        ("calibration_error", "group_max"): reliability(found, by, level=level),
    }
    out = []
    for metric in metrics_of(evidence):
        readings_ = read_groups(found, by, metric, level=level, steps=steps)
        for comparison in ("difference", "group_min", "group_max"):
            if comparison in METRICS[metric].comparisons:
                shown = exhibits.get((metric, comparison))
                out.append(tested(readings_, comparison, exhibits=() if shown is None else (shown,)))
    return out
