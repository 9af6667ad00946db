"""How differently a number is distributed in groups: the largest distance over all pairs, tested by permutation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from auditkit.catalogue import sentences
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import group_words
from auditkit.errors import listing
from auditkit.evidence.moments import GroupValues
from auditkit.fairness.families.family import nothing_to_compare
from auditkit.fairness.notes import finding, p_text, title_of
from auditkit.formatting import plain
from auditkit.question import SPARSE
from auditkit.records import Estimate, Finding
from auditkit.stats import distances

DISTANCES: dict[str, distances.Distance] = {
    "ks_distance": distances.ks,
    "wasserstein_distance": distances.wasserstein,
}
"""Name → the distance of two distributions."""


def of_values(
    seen: GroupValues, metrics: Mapping[str, distances.Distance], by: tuple[str, ...], *, level: float
) -> list[Finding]:
    """The largest of each distance over all pairs of groups, tested by permutation; metric → its distance."""
    size = seen.n.sum(axis=1)
    kept = size >= SPARSE
    names = [group_words(by, g) for g in seen.groups]
    small = [name for name, keep in zip(names, kept, strict=True) if not keep]
    notes = (f"left out, fewer than {SPARSE} to count: {listing(small)}",) if small else ()
    if kept.sum() < 2:
        few = f"fewer than two groups have {SPARSE} rows"
        e = nothing_to_compare(len(names), few, level=level, n=int(seen.n.sum()))
        said = f"{' and '.join(by)}: nothing to compare; {e.note}."
        return [_finding(m, by, e, f"{METRICS[m].title}, {said}", notes) for m in metrics]
    inside = [n for n, keep in zip(names, kept, strict=True) if keep]
    found, out = distances.largest(list(metrics.values()), seen.n[kept], seen.values), []
    for m, t in zip(metrics, found, strict=True):
        e = Estimate(
            value=t.value,
            level=level,
            n=int(size[kept].sum()),
            method=f"p by {distances.DRAWS} permutations of the group labels",
            note="no interval: a distance has none that holds near 0; p tests that groups are distributed alike",
        )
        said = _told(m, by, t, inside, level)
        out.append(_finding(m, by, e, said, (*_notes(t, inside, seen), *notes), p=t.p))
    return out


def _told(metric: str, by: tuple[str, ...], t: distances.Tested, names: list[str], level: float) -> str:
    head, size = METRICS[metric].title, f"distance {plain(t.value)}, {p_text(t.p, 'p = ', 'p is less than ')}"
    if t.p >= 1 - level:
        return sentences.no_gap(head, by, size, what="difference", unseen=plain(max(t.value, t.null_high)))
    return f"{head}: {sentences.groups_of(by)} differ, {names[t.first]} and {names[t.second]} most ({size})."


def _notes(t: distances.Tested, names: list[str], seen: GroupValues) -> tuple[str, ...]:
    notes = ["no interval: p tests that all groups are distributed alike, by permuting group labels"]
    if len(names) > 2:
        notes.append(f"driven by {names[t.first]} against {names[t.second]}")
    if seen.values.size > t.cells:
        notes.append(f"the test reads {t.cells} cells of neighbouring values; the distance reads {seen.values.size:,}")
    if seen.width:
        share = seen.parts * float((seen.n / np.maximum(seen.n.sum(axis=1, keepdims=True), 1)).max())
        notes.append(
            f"values are rounded to {seen.values.size:,} cells: the Kolmogorov–Smirnov distance over rows is at most "
            f"{plain(share)} larger, Wasserstein's within {plain(seen.width)} of the value"
        )
    return tuple(notes)


def _finding(
    metric: str, by: tuple[str, ...], e: Estimate, statement: str, notes: tuple[str, ...], p: float | None = None
) -> Finding:
    return finding(metric, "difference", by, e, statement, title=title_of(metric, by), notes=notes, p=p)
