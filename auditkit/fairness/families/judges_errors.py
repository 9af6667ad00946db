"""What a labelled sample says of a judge: whether its words can be corrected, and how it errs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from auditkit.catalogue.generated import SKILL
from auditkit.catalogue.index import METRICS
from auditkit.errors import listing
from auditkit.fairness.families.family import estimated
from auditkit.fairness.families.shares import Skilled
from auditkit.fairness.notes import finding, p_text
from auditkit.formatting import interval_in, percent, plain
from auditkit.records import Estimate, Finding, State, Table
from auditkit.stats.misjudged import FEWEST_CLUSTERS, Judge, differing_errors
from auditkit.stats.rates import critical_value, wilson

_FEW = 10


def skilled(judge: Judge | None, values: Sequence[str], *, level: float) -> Skilled:
    """The judge, and why its words cannot be corrected."""
    if judge is None:
        return Skilled(None)
    lacking = [f"“{v}”" for v, n in zip(values, judge.of_truth, strict=True) if not n]
    if lacking:
        return Skilled(
            judge, f"the labelled sample has no row whose truth is {listing(lacking)}: shares cannot be corrected"
        )
    if judge.clusters < FEWEST_CLUSTERS:
        return Skilled(judge, "the labelled sample is worth fewer than two clusters: the judge's errors are not known")
    skill = judge.skill(critical_value(level))
    if skill.low > 0:
        return Skilled(judge)
    never = [f"“{v}”" for v, n in zip(values, judge.counts.sum(axis=(0, 1)), strict=True) if not n]
    why = f" (it never says {listing(never)} of the labelled sample)" if never else ""
    size = f"{plain(skill.value)}, {plain(skill.low)} to {plain(skill.high)}"
    return Skilled(judge, f"the judge is not surely better than chance{why}: {_named(values)} is {size}")


def _named(values: Sequence[str]) -> str:
    return "sensitivity + specificity − 1" if len(values) == 2 else "the determinant of its confusion matrix"


def confused(judge: Judge, values: Sequence[str], judged: Mapping[str, Any] | None, *, level: float) -> Finding:
    """How the judge errs on the labelled sample, and whether it errs alike in all clusters."""
    z, n = critical_value(level), int(judge.counts.sum())
    skill = judge.skill(z)
    state: State = "undefined" if np.isnan(skill.value) else "sparse" if judge.of_truth.min() < _FEW else "ok"
    rarest = f"only {int(judge.of_truth.min())} labelled samples of one truth"
    e = estimated(
        *skill, level=level, n=n, method="MOVER over the truths", state=state, note="" if state == "ok" else rarest
    )
    hits = np.diagonal(judge.counts.sum(axis=0))
    right = [
        f"“{v}” in {percent(Estimate(value=float(p), low=float(low), high=float(high), level=level))}"
        for v, p, low, high in zip(values, *wilson(hits, judge.of_truth, z), strict=True)
        if p == p
    ]
    names = list((judged or {}).get("clusters", ()))
    said = (
        f"The judge, on {n:,} labelled samples, is right about {listing(right, most=8)} of those that show it; "
        f"{_named(values)} is {plain(e)} ({interval_in(e, plain)})."
    )
    notes = ["the judge's errors are in every interval of a corrected share, taken as the same for all prompts"]
    if judge.clustered:
        apart, told = _alike(judge, len(names))
        said, notes = (f"{said} {told}", notes) if apart else (said, [*notes, told])
    return finding(
        SKILL,
        "overall",
        (),
        e,
        said,
        concern="data",
        title=METRICS[SKILL].title,
        exhibits=[_table(judge, values, z)],
        notes=notes,
    )


def _alike(judge: Judge, clusters: int) -> tuple[bool, str]:
    """Whether the judge errs differently in some clusters, and that in words."""
    p = differing_errors(judge.counts)
    if np.isnan(p):
        return False, f"whether the judge errs alike in all {clusters} clusters of that sample cannot be tested"
    size = p_text(p, "p = ", "p is less than ")
    if p < 0.05:
        return True, (
            f"It does not err alike in all {clusters} clusters of that sample ({size}, by permutation): corrected by "
            "its errors over all of them, the share of a single prompt may be wrong."
        )
    return False, (
        f"that the judge errs differently in some of the {clusters} clusters of the labelled sample is not established "
        f"({size}, by permutation); small differences could have gone unseen"
    )


def _table(judge: Judge, values: Sequence[str], z: float) -> Table:
    each = judge.counts.sum(axis=0)
    limits = wilson(np.diagonal(each), judge.of_truth, z)
    rows = [
        (f"really “{v}”", int(judge.of_truth[t]), *(int(x) for x in each[t]),
         *(float(x[t]) if np.isfinite(x[t]) else None for x in limits))
        for t, v in enumerate(values)
    ]  # fmt: skip
    return Table(
        title="The judge on its labelled sample",
        columns=("Truth", "Samples", *(f"told “{v}”" for v in values), "Right", "From", "To"),
        rows=tuple(rows),
        units=("", "", *[""] * len(values), "percent", "percent", "percent"),
    )
