"""The finding of a table of impact ratios: the smallest ratio with its test, the law's columns, and the sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auditkit.catalogue.impact import Law
from auditkit.catalogue.index import METRICS
from auditkit.errors import listing
from auditkit.fairness import notes
from auditkit.fairness.families.family import estimated, group_estimates, number
from auditkit.fairness.families.statements import Named
from auditkit.fairness.law.impact import Comparisons, ImpactRatios
from auditkit.formatting import interval, percent, quotient
from auditkit.question import SPARSE
from auditkit.records import Estimate, Finding, State, Table, Unit
from auditkit.stats.pvalues import FamilyInterval

TOP = "highest rate"


def finding(metric: str, law: Law, r: ImpactRatios, *, justification: str, about: Sequence[str]) -> Finding:
    """One table of one law."""
    family, tested = r.family(), r.tested()
    e, found = family.comparison("ratio")
    if not r.groups:
        e = e.model_copy(update={"note": f"nobody of known {' and '.join(r.by)} is counted"})
    told = notes.finding(
        metric,
        "ratio",
        r.by,
        e,
        _statement(metric, law, r, e, found),
        title=f"{METRICS[metric].title}, {law.title}, {' and '.join(r.by)}",
        suffix=f":{law.name}",
        by_group=group_estimates(r.by, {g: _of_group(r, tested, i) for i, g in enumerate(r.groups)}),
        exhibits=(_table(metric, law, r, tested),),
        notes=(*_notes(r, justification), *about),
        surest=family.surest("ratio", e, found),
        p=family.p_value("ratio", 1.0, above=False),
    )
    return told.model_copy(update={"law": law.title, "references": (law.reference,)})


def _table(metric: str, law: Law, r: ImpactRatios, t: Comparisons) -> Table:
    columns = [*r.by, *METRICS[metric].wording.columns, "Impact ratio", "Lower limit", "Upper limit", "p of all pairs"]
    columns += ["Fisher’s mid‑p", *([] if law.limit is None else [f"Below {law.limit:g}"]), "Note"]
    units: list[Unit] = [*("" for _ in r.by), "", "", "percent", "ratio", "ratio", "ratio"]  # type: ignore[list-item]
    values, ratio = r.rates, r.ratio
    rows = []
    for i, group in enumerate(r.groups):
        row: list[str | int | float | None] = [*group, int(r.rows[i]), int(r.selected[i])]
        row += [number(x) for x in (values[i], ratio[i], t.low[i], t.high[i], t.p[i], t.mid_p[i])]
        if law.limit is not None:
            row.append(_below(ratio[i], t.high[i], law.limit))
        rows.append((*row, _remark(r, i)))
    title = f"{METRICS[metric].title}s by {' and '.join(r.by)}, {law.title}"
    return Table(title=title, columns=tuple(columns), rows=tuple(rows), units=tuple(units))


def _below(ratio: float, high: float, limit: float) -> str | None:
    """Strictly below the limit, and whether the whole interval is."""
    if np.isnan(ratio):
        return None
    if not ratio < limit:
        return "no"
    return "yes, surely" if high < limit else "yes, perhaps by chance"


def _remark(r: ImpactRatios, i: int) -> str:
    if not r.included[i]:
        return "left out: share too small"
    few = f"fewer than {SPARSE} people" if r.rows[i] < SPARSE else ""
    return ", ".join(x for x in (TOP if i == r.top else "", few) if x)


def _of_group(r: ImpactRatios, t: Comparisons, i: int) -> Estimate:
    undefined = np.isnan(r.ratio[i])
    state: State = "undefined" if undefined else "sparse" if r.rows[i] < SPARSE else "ok"
    note = ""
    if not r.included[i]:
        note = "left out: its share of the data is too small"
    elif undefined:
        note = "nobody is selected in any group: 0/0 is not a ratio"
    elif i == r.top:
        note = "the highest rate: the others are compared with it"
    elif np.isnan(t.high[i]):
        note = f"no interval: it or the highest group has fewer than {SPARSE} people"
    method = "" if np.isnan(t.high[i]) else "MOVER-R against the highest, at q of all pairs"
    n = int(r.rows[i])
    return estimated(r.ratio[i], t.low[i], t.high[i], level=r.level, n=n, method=method, state=state, note=note)


def _notes(r: ImpactRatios, justification: str) -> tuple[str, ...]:
    attributes = " and ".join(r.by)
    told = [
        f"{r.unknown:,} rows fall within an unknown category of {attributes}; they are in no row of the table"
        if r.unknown
        else f"nobody falls within an unknown category of {attributes}"
    ]
    left_out = [r.name(int(i)) for i in np.flatnonzero(~r.included)]
    if left_out:
        told.append(f"left out of the impact ratios: {listing(left_out)}. Justification: {justification}")
    any_pair = r.family().p_value("ratio", 1.0, above=False)
    if any_pair is not None:
        p = notes.p_text(any_pair, less="below ")
        told.append(f"p of the claim that no two groups of {attributes} differ: {p}, all pairs as one family")
        told.append(
            "limits and p hold for all pairs of groups of a table together, since the highest is chosen by the data; "
            "Fisher’s mid-p compares a group with the highest alone, unadjusted"
        )
    top = r.top
    if top is not None and not r.large[top]:
        told.append(
            f"the highest rate is that of {r.name(top)}, with only {r.rows[top]} people: the ratios of the table have "
            f"no interval, and the smallest ratio stated is among groups of at least {SPARSE}"
        )
    small = [r.name(int(i)) for i in np.flatnonzero(r.included & ~r.large)]
    if small:
        told.append(f"left out of the test, fewer than {SPARSE} people: {listing(small)}")
    return tuple(told)


def _statement(metric: str, law: Law, r: ImpactRatios, e: Estimate, found: FamilyInterval | None) -> str:
    attributes, what = " and ".join(r.by), METRICS[metric].wording.happened
    if found is None or e.value is None:
        return f"Impact ratios of groups of {attributes} cannot be told: {e.note}."
    family = r.family()
    flagged = law.limit is not None and e.value < law.limit
    if e.high is None or e.high >= 1:
        by_chance = f" It lies below {law.limit:g}, which may be chance." if flagged else ""
        return (
            f"No group of {attributes} is shown to be {what} less often than another "
            f"(smallest impact ratio {quotient(e)}, {interval(e, 'ratio')}).{by_chance}"
        )
    far, sure = family.named(found.far), family.named(found.sure)
    (low, high), at = far.groups, [percent(x) for x in far.values]
    said = (
        f"The smallest impact ratio by {attributes} is {_sized(far)}. {low} are {what} least often, {at[0]}, and "
        f"{high} most often, {at[1]}."
    )
    if sure.groups != far.groups:
        (low, high), at = sure.groups, [percent(x) for x in sure.values]
        said += f" Surest is that of {low}, {at[0]}, to {high}, {at[1]}: {_sized(sure)}."
    if law.limit is None:
        return said
    if e.high < law.limit:
        return f"{said} The whole interval lies below {law.limit:g}."
    if e.low is not None and e.low >= law.limit:
        return f"{said} The whole interval lies at {law.limit:g} or above."
    side = "below" if flagged else "not below"
    return f"{said} The ratio is {side} {law.limit:g}; its interval leaves open on which side the truth lies."


def _sized(named: Named) -> str:
    return f"{quotient(named.estimate)} ({interval(named.estimate, 'ratio')})"
