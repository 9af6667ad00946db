"""The findings of a data profile: each question about the data, its estimate, its table and its sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.sentences import group_words, none_established
from auditkit.errors import listing
from auditkit.evidence.profile import Profile
from auditkit.fairness.families.estimates import rate_estimate
from auditkit.fairness.families.family import estimated, number
from auditkit.fairness.notes import finding, p_text, title_of
from auditkit.fairness.sets import Attributes
from auditkit.formatting import confidence, decimals, interval, interval_in, percent, points, quotient, upper_first
from auditkit.question import SPARSE
from auditkit.records import Comparison, Estimate, Finding, Table
from auditkit.stats.association import cramers_v, goodness_of_fit
from auditkit.stats.families import of_rates
from auditkit.stats.rates import Floats, critical_value, rate, sidak_value, wilson

MOST_ROWS = 200
"""Rows of a table of crossings; beyond, only those with few rows or none."""
MOST_CROSSINGS = 20_000
"""Crossings that are gone through for empty ones."""
OTHERS = "(all others)"

Counts = NDArray[np.int64]


def shares(profile: Profile, attribute: str, *, level: float) -> Finding:
    """How many rows each group has, and the smallest."""
    groups, k = _counts(profile, (attribute,))
    e, first, own = _smallest(k, level)
    smallest = group_words((attribute,), groups[first])
    said = f"the smallest is {smallest}, {percent(e)} of {e.n:,} rows ({interval(own, 'group_min')})"
    statement = f"Groups of {attribute}: {said}."
    if len(groups) < 2:
        statement = f"All {e.n:,} rows have one value of {attribute}, {smallest}: there is nobody to compare."
    counted = [(g, n, int(k.sum())) for g, n in zip(groups, k.tolist(), strict=True)]
    table = _shares(f"Rows of each group of {attribute}", (attribute,), "Rows", counted, level)
    return _finding("group_share", "group_min", (attribute,), statement, e, (table,))


def representation(profile: Profile, attribute: str, reference: Mapping[str, float], *, level: float) -> Finding:
    """Shares against those of a population: the largest difference over the values that it names."""
    counts = {g[0]: n for g, n in profile.rows(attribute).items()}
    total, names = sum(counts.values()), list(reference)
    k, ref = [counts.get(v, 0) for v in names], [float(reference[v]) for v in names]
    left = 1 - sum(ref)
    if left > 1e-6:
        names, k, ref = [*names, OTHERS], [*k, total - sum(k)], [*ref, left]
    p = goodness_of_fit(k, ref)
    d, low, high = _against(np.array(k), np.array(ref), total, sidak_value(level, len(names)))
    _, far, reach = _against(np.array(k), np.array(ref), total, critical_value(level))
    size = np.maximum(low, -high)
    first = int(np.argmax(np.abs(d)))
    e = Estimate(
        value=float(abs(d[first])),
        low=max(0.0, float(size.max())),
        high=float(np.maximum(reach, -far).max()),
        level=level,
        n=total,
        method="share − reference: Wilson, Šidák below",
    )
    table = Table(
        title=f"Shares of {attribute}, against the reference population",
        columns=(attribute, "Rows", "Share", "Reference", "Difference", "Lower limit", "Upper limit"),
        rows=tuple(
            (v, k[i], k[i] / total, ref[i], float(d[i]), float(low[i]), float(high[i])) for i, v in enumerate(names)
        ),
        units=("", "", "percent", "percent", "points", "points", "points"),
    )
    notes = [f"limits of the differences hold together at {confidence(level)} (Šidák)"]
    notes.append("χ² of all shares: undefined" if np.isnan(p) else f"χ² of all shares: {p_text(p, 'p = ', 'p < ')}")
    unnamed = [v for v in counts if v not in reference]
    if unnamed and left <= 1e-6:
        notes.append(f"in the data and not in the reference, whose shares add up to 1: {listing(unnamed)}")
    statement = _of_representation(attribute, names, k, ref, total, size, e)
    return _finding("representation", "difference", (attribute,), statement, e, (table,), tuple(notes))


def association(profile: Profile, attribute: str, *, level: float) -> Finding:
    """How far truth and attribute go together: Cramér's V."""
    counts = profile.tally.counts(attribute)
    table = counts.table[:, 1:, :].sum(axis=2)
    v = cramers_v(table, level=level)
    n = int(table.sum())
    undefined = np.isnan(v.value)
    note = "a side has one value only: there is nothing to go together" if undefined else ""
    method = "Cramér's V, bias-corrected; limits of the noncentral χ² turned round"
    state = "undefined" if undefined else "ok"
    e = estimated(v.value, v.low, v.high, level=level, n=n, note=note, state=state, method=method)
    if e.value is None:
        statement = f"Whether the truth goes with {attribute} cannot be told: {note}."
    else:
        number_of = f"Cramér's V {quotient(e)} on a scale from 0 to 1, {interval_in(e, quotient)}"
        tied = (
            f"The truth goes with {attribute}"
            if e.low
            else upper_first(none_established(f"association of truth and {attribute}"))
        )
        statement = f"{tied} ({number_of})."
    body = tuple(
        (g[0], int(row[1]), int(row[0]), number(float(rate(row[1], row.sum()))))
        for g, row in zip(counts.groups, table, strict=True)
    )
    exhibit = Table(
        title=f"Truth by {attribute}",
        columns=(attribute, "Truly positive", "Truly negative", "Share positive"),
        rows=body,
        units=("", "", "", "percent"),
    )
    p = p_text(v.p, "p = ", "p < ")
    beside = f"χ² of independence {p}; without the bias correction V is {decimals(v.uncorrected, 3)}"
    notes: tuple[str, ...] = () if undefined else (f"{attribute}: {beside}",)
    if v.least_expected < 5:
        notes += (f"{attribute}: the smallest expected count is {v.least_expected:.2g}: below 5, the limits are rough",)
    return _finding(
        "association", "overall", (attribute,), statement, e, (exhibit,), notes, p=None if undefined else v.p
    )


def missing_overall(profile: Profile, *, level: float) -> Finding:
    """Missing values by column, and the column with most."""
    total = profile.rows()[()]
    absent = {c: sum(next(iter(a.values())).values()) for c, a in profile.missing.items()}
    names = sorted(absent, key=lambda c: (-absent[c], c))
    most = absent[names[0]] if names else 0
    e = rate_estimate(most, total, level=level)
    statement = f"No value is missing in any of {len(profile.columns):,} columns."
    if names:
        statement = (
            f"Values are missing in {len(names):,} of {len(profile.columns):,} columns; most in {names[0]}, "
            f"{percent(e)} of {total:,} rows ({interval(e, 'overall')})."
        )
    counted = [((c,), absent[c], total) for c in names]
    table = _shares("Missing values by column", ("Column",), "Missing", counted, level)
    return _finding("missing_rate", "overall", (), statement, e, (table,) if names else ())


def missing_by_group(profile: Profile, attribute: str, *, level: float) -> Finding:
    """Whether values are missing more often for some groups: the largest gap over columns with missing values."""
    rows = {g[0]: n for g, n in profile.rows(attribute).items()}
    names = sorted(profile.missing)
    kept = [g for g in rows if rows[g] >= SPARSE]
    n = np.array([rows[g] for g in kept])
    absent = {c: profile.missing[c].get(attribute, {}) for c in names}
    counted = [((c, g), absent[c].get(g, 0), rows[g]) for c in names for g in rows]
    heads = ("Column", attribute)
    table = _shares(f"Missing values by column and {attribute}", heads, "Missing", counted, level)
    left_out = [g for g in rows if g not in kept]
    notes = (f"left out, fewer than {SPARSE} rows: {listing(left_out)}",) if left_out else ()
    if len(kept) < 2:
        note = f"fewer than two groups have at least {SPARSE} rows"
        e = Estimate(value=None, level=level, n=int(n.sum()), state="sparse", note=note)
        statement = f"Whether values are missing unevenly over {attribute} cannot be told: {note}."
        return _finding("missing_rate", "difference", (attribute,), statement, e, (table,), notes)
    each = level ** (1 / len(names))
    counts = {c: np.array([absent[c].get(g, 0) for g in kept]) for c in names}
    gaps = {c: of_rates("difference", counts[c], n, level=each) for c in names}
    first = max(names, key=lambda c: (gaps[c].low, gaps[c].value))
    e = Estimate(
        value=max(g.value for g in gaps.values()),
        low=max(g.low for g in gaps.values()),
        high=max(of_rates("difference", counts[c], n, level=level).high for c in names),
        level=level,
        n=int(n.sum()),
        method="the largest gap of all columns: pairs of groups as a family, columns by Šidák below",
    )
    statement = f"No column with missing values is shown to miss them more often for some group of {attribute}."
    if e.low:
        g = gaps[first]
        few, many = (f"{kept[i]} {percent(counts[first][i] / n[i])}" for i in g.sure[:2])
        statement = f"{first} is missing more often for some groups of {attribute} than for others: {few}, {many}."
    return _finding("missing_rate", "difference", (attribute,), statement, e, (table,), notes)


def crossings(profile: Profile, by: Attributes, *, level: float) -> Finding:
    """Crossings of all attributes: the smallest, those with few rows, and those with nobody."""
    groups, k = _counts(profile, by)
    counts = dict(zip(groups, k.tolist(), strict=True))
    values = [[g[0] for g in profile.rows(a)] for a in by]
    possible = prod(len(v) for v in values)
    empty = [g for g in product(*values) if g not in counts] if possible <= MOST_CROSSINGS else []
    tiny = [g for g in groups if counts[g] < SPARSE]
    e, *_ = _smallest(k, level)
    total = int(k.sum())
    listed = [*groups, *empty] if len(groups) + len(empty) <= MOST_ROWS else [*tiny, *empty][:MOST_ROWS]
    listed.sort(key=lambda g: (counts.get(g, 0), g))
    counted = [(g, counts.get(g, 0), total) for g in listed]
    table = _shares(f"Rows of the crossings of {' and '.join(by)}", by, "Rows", counted, level)
    nobody = possible - len(groups)
    said = [
        f"{nobody:,} {'has' if nobody == 1 else 'have'} nobody{_named(by, empty)}" if nobody else "",
        f"{len(tiny):,} fewer than {SPARSE} rows{_named(by, tiny)}" if tiny else "",
    ]
    told = " and ".join(s for s in said if s)
    statement = f"Of {possible:,} crossings of {' and '.join(by)}, {told or f'each has at least {SPARSE} rows'}."
    shown = len(listed) < len(groups) + nobody
    notes = (f"the table lists {len(listed):,} of {possible:,} crossings, those with fewest rows",) if shown else ()
    return _finding("group_share", "group_min", by, statement, e, (table,), notes)


def _counts(profile: Profile, by: Attributes) -> tuple[list[Attributes], Counts]:
    rows = profile.rows(*by)
    return list(rows), np.array(list(rows.values()), dtype=np.int64)


def _smallest(k: Counts, level: float) -> tuple[Estimate, int, Estimate]:
    """The smallest share, which group has it, and that group's own share."""
    total = int(k.sum())
    found = of_rates("group_min", k, np.full(len(k), total), level=level)
    e = Estimate(
        value=found.value, low=found.low, high=found.high, level=level, n=total, numerator=float(k[found.far.first]),
        denominator=float(total), method="smallest Wilson limits; upper Clopper–Pearson, Šidák",
    )  # fmt: skip
    own = e.model_copy(update={"low": found.far.low, "high": found.far.high})
    return e, found.far.first, own


def _shares(
    title: str, heads: Attributes, what: str, counted: Sequence[tuple[Attributes, int, int]], level: float
) -> Table:
    """What is counted (values below `heads`, k, n) and its share k/n with Wilson's limits, a row each."""
    k, n = (np.array([c[i] for c in counted], dtype=np.int64) for i in (1, 2))
    limits = zip(*wilson(k, n, critical_value(level)), strict=True)
    rows = tuple((*c[0], c[1], *map(number, share)) for c, share in zip(counted, limits, strict=True))
    columns = (*heads, what, "Share", "Lower limit", "Upper limit")
    return Table(title=title, columns=columns, rows=rows, units=(*("" for _ in heads), "", *["percent"] * 3))


def _against(k: Counts, ref: Floats, n: int, z: float) -> tuple[Floats, Floats, Floats]:
    limits = wilson(k, n, z)
    return limits.p - ref, limits.low - ref, limits.high - ref


def _of_representation(
    attribute: str,
    names: list[str],
    k: list[int],
    ref: list[float],
    total: int,
    size: Floats,
    e: Estimate,
) -> str:
    differing = sorted((i for i in range(len(names)) if size[i] > 0), key=lambda i: -size[i])
    if not differing:
        return (
            f"No group of {attribute} is shown to have another share than in the reference population "
            f"(largest difference {points(e)} points, {interval(e, 'difference')})."
        )
    i = differing[0]
    more = "more" if k[i] / total > ref[i] else "less"
    also = f" So have {listing((names[j] for j in differing[1:]), most=3)}." if differing[1:] else ""
    named = group_words((attribute,), (names[i],))
    whose = f"{named} of {attribute}" if named == names[i] else named
    return (
        f"{whose} has another share than in the reference population: {percent(k[i] / total)} of the "
        f"rows, {percent(ref[i])} of the population, {points(abs(k[i] / total - ref[i]))} points {more}.{also}"
    )


def _named(by: Attributes, groups: list[Attributes]) -> str:
    return f" ({listing((group_words(by, g) for g in groups), most=3)})" if groups else ""


def _finding(
    metric: str, comparison: Comparison, by: Attributes, statement: str, e: Estimate, exhibits: tuple[Table, ...],
    notes: tuple[str, ...] = (), p: float | None = None,
) -> Finding:  # fmt: skip
    more: Any = {"concern": "data", "title": title_of(metric, by), "exhibits": exhibits, "notes": notes, "p": p}
    return finding(metric, comparison, by, e, statement, **more)
