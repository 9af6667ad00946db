"""Curves by group, read off the score histogram: reliability, ROC, and the area between ROC curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auditkit.catalogue.sentences import group_words, none_established, too_small
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.fairness.families.family import number
from auditkit.fairness.notes import finding, p_text
from auditkit.fairness.scores.values import GroupScores, scores_of
from auditkit.formatting import decimals, points
from auditkit.question import SPARSE
from auditkit.records import Curve, Estimate, Finding, NotMeasured, Series
from auditkit.stats.auc import auc
from auditkit.stats.rates import critical_value, wilson
from auditkit.stats.roc import abroca, roc

Found = Sequence[tuple[tuple[str, ...], GroupScores]]

PERMUTATIONS = 499
MOST_GROUPS = 12
"""More groups have no ABROCA, and no curve of their own: sixty-six pairs are more than anybody reads."""
STEPS = 10
_POINTS = 60


def reliability(found: Found, by: tuple[str, ...], *, level: float) -> Curve:
    """Mean score and share of positives in ten equal steps of the score, with Wilson's interval."""
    return Curve(
        title=f"Scores and what happens, by {' and '.join(by)}",
        unit_x="mean score",
        unit_y="share truly positive",
        diagonal=True,
        series=tuple(_steps(group_words(by, group), g, level) for group, g in _largest(found)),
    )


def roc_curves(found: Found, by: tuple[str, ...]) -> Curve:
    """ROC curve of each group that has positives and negatives, at sixty points."""
    series = []
    for group, g in _largest(found):
        if g.fewest:
            curve = roc(g.negatives.n, g.positives.n)
            at = np.unique(np.linspace(0, curve.fpr.size - 1, _POINTS).astype(np.intp))
            x, y = curve.fpr[at].tolist(), curve.tpr[at].tolist()
            series.append(Series(name=group_words(by, group), x=tuple(x), y=tuple(y)))
    return Curve(
        title=f"ROC curves by {' and '.join(by)}",
        unit_x="false positive rate",
        unit_y="true positive rate",
        series=tuple(series),
    )


def between_roc_curves(
    evidence: ScoreHistogram, by: tuple[str, ...], *, level: float, min_n: int = SPARSE
) -> Finding | NotMeasured:
    """ABROCA: the largest area between the ROC curves of two groups, with its permutation p."""
    sizes = evidence.sizes(*by)
    count = sum(min(rows) >= min_n for rows in sizes.values())
    attributes = " and ".join(by)
    if not 2 <= count <= MOST_GROUPS:  # thousands of groups are not read to be told that they are too many
        why = (
            f"{count} of {len(sizes)} groups of {attributes} has {min_n} positives and negatives; two are needed"
            if count < 2
            else f"{count} groups of {attributes}; ABROCA is for at most {MOST_GROUPS}"
        )
        return NotMeasured(what=f"the area between ROC curves by {attributes}", why=why, concern="fairness")
    found = scores_of(evidence, by)
    kept = [(group, g) for group, g in found if g.fewest >= min_n]
    counts = [(g.negatives.n, g.positives.n) for _, g in kept]
    a = abroca(counts, permutations=PERMUTATIONS, generator=np.random.default_rng(0))
    first, second = (group_words(by, kept[i][0]) for i in (a.first, a.second))
    beside = f"p = {p_text(a.p)}; equal curves would give {points(a.null_mean)} by chance"
    head = f"ROC curves of groups of {attributes}"
    established = a.p < 1 - level
    of_bins = f"the area between the ROC curves of {first} and {second}"
    statement = (
        f"{head} differ: those of {first} and {second} lie {points(a.value)} points apart on average ({beside})."
        if established
        else f"{head}: {none_established('difference')}; the largest is {points(a.value)} points on average "
        f"({beside}{too_small(f'{points(max(a.null_high, a.value))} points')})."
    )
    left_out = [group_words(by, group) for group, g in found if g.fewest < min_n]
    bound = sum(sorted(2 * auc(g.negatives, g.positives).bound for _, g in kept)[-2:])
    e = Estimate(
        value=a.value,
        level=level,
        n=sum(g.rows for _, g in kept),
        method=f"{PERMUTATIONS} permutations of group labels within each truth, on placement values",
        state="coarse" if bound > a.value / 10 else "ok",
        note=f"no interval: {beside}",
    )
    notes = (
        f"mean of the value where group labels are permuted: {decimals(a.null_mean, 4)}; permutation p = {a.p:.3g}",
        *([f"{of_bins} is from score bins: within {bound:.1g} of its value over rows"] if bound > 0 else []),
        *([f"left out, fewer than {min_n} positives or negatives: {', '.join(left_out)}"] if left_out else []),
    )
    return finding("abroca", "difference", by, e, statement, notes=notes, p=a.p)


def _largest(found: Found) -> Found:
    """The largest groups, the largest first: where a page draws only some lines, it draws those."""
    return sorted(found, key=lambda x: -x[1].rows)[:MOST_GROUPS]


def _steps(name: str, group: GroupScores, level: float) -> Series:
    sums = group.sums
    step = np.minimum((sums.s / sums.n * STEPS).astype(np.intp), STEPS - 1)
    _, label = np.unique(step, return_inverse=True)
    merged = sums.merged(label)
    limits = wilson(merged.y, merged.n, critical_value(level))
    return Series(
        name=name,
        x=tuple((merged.s / merged.n).tolist()),
        y=tuple((merged.y / merged.n).tolist()),
        low=tuple(number(x) for x in limits.low),
        high=tuple(number(x) for x in limits.high),
        n=tuple(int(x) for x in merged.n),
    )
