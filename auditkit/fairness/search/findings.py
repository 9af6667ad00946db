"""The finding of a subgroup search: one sentence that names only what was confirmed, and the tables behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import too_small
from auditkit.errors import listing
from auditkit.fairness import notes
from auditkit.fairness.families.family import estimated, number
from auditkit.formatting import Like, confidence, interval, lower_first, percent, plain, points
from auditkit.records import Estimate, Finding, Table, Unit

if TYPE_CHECKING:
    from auditkit.evidence.crossed import CrossedSums
    from auditkit.fairness.search.confirmation import Tested
    from auditkit.fairness.search.conjunctions import Search, Subgroup

NAMED = 3
"""Confirmed subgroups that the sentence names; the table has all."""

_CARRIED = "a few large errors carry it: no interval is to be relied on"
_UNITS: tuple[Unit, ...] = ("", "", "", "percent", "percent", "points", "points", "points", "", "points")
"""Of the table of tested subgroups, for rates."""


def finding(metric: str, evidence: CrossedSums, found: Search, tested: Tested) -> Finding:
    """One finding of concern `subgroups`; its estimate is the first-ranked subgroup's difference to the rest."""
    order = ranked(tested)
    e = _estimate(evidence, found, tested, order)
    told = notes.finding(
        metric,
        "difference",
        (),
        e,
        _statement(metric, found, tested, order, e),
        concern="subgroups",
        title=f"{METRICS[metric].title}, subgroups that stand out",
        exhibits=(_all_tested(metric, evidence, found, tested, order), *_columns(evidence)),
        notes=_notes(evidence, found, tested),
        p=float(tested.adjusted[order[0]]) if order else None,
    )
    return told.model_copy(update={"references": (METRICS["subgroups"].reference, *told.references)})


def ranked(tested: Tested) -> list[int]:
    """Positions: confirmed ones first, each by the lower limit of the size of its difference, largest first."""
    size = np.where(tested.to_rest.value >= 0, tested.to_rest.low, -tested.to_rest.high)
    size = np.where(np.isnan(size), -np.inf, size)
    return sorted(range(len(size)), key=lambda i: (not tested.confirmed[i], -size[i], i))


def _estimate(evidence: CrossedSums, found: Search, tested: Tested, order: list[int]) -> Estimate:
    rows = int(evidence.of()[1, 0])
    if not order:
        note = f"none of {found.searched:,} subgroups stood out on the half that was searched"
        mde = number(tested.smallest)
        return Estimate(value=None, level=tested.asked, n=rows, mde=mde, state="undefined", note=note)
    first = order[0]
    undefined, unstable = np.isnan(tested.to_rest.value[first]), bool(tested.unstable[first])
    return estimated(
        *(x[first] for x in tested.to_rest),
        level=tested.asked,  # that of the confirmed ones together; each one's own is a note
        n=rows,
        denominator=_rows_of(evidence, found.carried[first]),
        method=METRICS["subgroups"].interval,
        mde=None if unstable else number(tested.smallest),
        state="undefined" if undefined else "unstable" if unstable else "ok",
        note="nobody of it is in the half that confirms" if undefined else _CARRIED if unstable else "",
    )


def _statement(metric: str, found: Search, tested: Tested, order: list[int], e: Estimate) -> str:
    m, confirmed = METRICS[metric], int(tested.confirmed.sum())
    searched = f"{found.searched:,} subgroups were searched on one half of the rows"
    head = f"{m.title}: {searched}"
    unseen = too_small(_smallest(metric, e))
    if not order:
        return f"{head}, and none stood out{unseen}."
    head += f", {len(order)} of them tested on the other half"
    if unstable := int(tested.unstable.sum()):
        head += f" ({unstable} of them with a mean that a few large errors carry, of which nothing is said)"
    if not confirmed:
        return f"{head}, and none is confirmed{unseen}."
    names = [found.carried[i] for i in order[:confirmed]]
    first = order[0]
    rates = metric != "mean_error"
    at, rest = (
        percent(float(v)) if rates else plain(float(v)) for v in (tested.part.mean[first], tested.rest.mean[first])
    )
    size = f"{plain(e)} in the mean ({interval(e, 'difference', of='measure')})"
    if rates and e.value is not None:
        size = (
            f"{points(Like(abs(e.value), e))} points {'more' if e.value > 0 else 'less'} ({interval(e, 'difference')})"
        )
    then = listing((title(s) for s in names[1:]), most=NAMED - 1)
    others = f" Then {then}." if then else ""
    return (
        f"{title(names[0])}: {lower_first(m.title)} {at}, against {rest} among everybody else, {size}. "
        f"{searched}, {len(order)} of them tested on the other half, {confirmed} confirmed.{others}"
    )


def _smallest(metric: str, e: Estimate) -> str | None:
    """The size below which a subgroup could have gone unseen, in words: no less than the first one's interval holds."""
    sizes = [abs(x) for x in (e.mde, e.low, e.high) if x is not None]
    if e.mde is None:
        return None
    return f"{plain(max(sizes))} in the mean" if metric == "mean_error" else f"{points(max(sizes))} points"


def title(s: Subgroup) -> str:
    """The conditions of a subgroup, in the data's own words."""
    return " & ".join(s.conditions)


def _rows_of(evidence: CrossedSums, s: Subgroup) -> float:
    return float(evidence.of(*s.by)[1, 0][s.at])


def _all_tested(metric: str, evidence: CrossedSums, found: Search, tested: Tested, order: list[int]) -> Table:
    rows = []
    for i in order:
        s = found.carried[i]
        rows.append(
            (
                title(s),
                "yes" if tested.confirmed[i] else "unstable" if tested.unstable[i] else "no",
                int(_rows_of(evidence, s)),
                *(number(x[i]) for x in (tested.part.mean, tested.rest.mean, *tested.to_rest, tested.adjusted)),
                number(s.difference),
            )
        )
    name = METRICS[metric].title
    return Table(
        title="Every subgroup that was tested on the other half, confirmed ones first",
        columns=(
            "Subgroup", "Confirmed", "Counted rows", name, f"{name}, everybody else", "Difference", "Lower limit",
            "Upper limit", "Adjusted p", "Difference where it was found",
        ),
        rows=tuple(rows),
        units=() if metric == "mean_error" else _UNITS,
    )  # fmt: skip


def _columns(evidence: CrossedSums) -> tuple[Table, ...]:
    edges, left_out = evidence.facts["edges"], evidence.facts["left_out"]
    alone = set(evidence.facts.get("alone", ()))
    searched = Table(
        title="Columns that were searched",
        columns=("Column", "As", "Conditions"),
        rows=tuple(
            (
                c,
                ("categories" if edges[c] is None else "quantile bins") + (", alone" if c in alone else ""),
                "; ".join(labels),
            )
            for c, labels in evidence.labels.items()
        ),
    )
    if not left_out:
        return (searched,)
    rows = tuple((c, why) for c, why in left_out.items())
    return searched, Table(title="Columns that were left out", columns=("Column", "Why"), rows=rows)


def _notes(evidence: CrossedSums, found: Search, tested: Tested) -> tuple[str, ...]:
    tried = len(found.carried)
    notes = [
        f"{found.standing_out:,} stood out on the half that was searched; {found.redundant:,} of them only refine a "
        f"broader one without changing its rate; {tried} were tested",
    ]
    if tried:
        notes.append(
            f"intervals at {confidence(tested.level)}, so that {confidence(tested.asked)} of those of confirmed "
            "subgroups are expected to hold the truth (false coverage)"
        )
    binned = [c for c, edges in evidence.facts["edges"].items() if edges is not None]
    if binned:
        notes.append(f"binned at quantiles: {listing(binned)}")
    alone, labels = set(evidence.facts.get("alone", ())), evidence.labels
    if alone:
        crossed = listing([c for c in labels if c not in alone], most=40)
        notes.append(
            f"{len(alone):,} of {len(labels):,} columns were searched one at a time, not crossed with others: crossing "
            f"all of them by {evidence.facts['depth']} is more than can be counted. Crossed were {crossed}; name "
            "columns=[…], most important first, or a smaller depth, to choose"
        )
    notes += [f"left out, {c}: {why}" for c, why in evidence.facts["left_out"].items()]
    notes += _together(evidence)
    if evidence.not_counted:
        notes.append(f"not counted: {evidence.not_counted:,} rows that the metric does not concern or cannot judge")
    return tuple(notes)


def _together(evidence: CrossedSums) -> list[str]:
    """What is taken for one observation, where that is not a row."""
    n, unit = evidence.copies.average, evidence.facts.get("unit")
    many = f"{n:,.0f}" if n >= 100 else f"{n:.3g}"
    if unit == "cluster":
        return [f"rows of one cluster share a half and count as one row; a row has {many} of its cluster on average"]
    if n <= 1.05:
        return []
    said = f"a row has {many} exact copies on average, itself among them; "
    if evidence.apart:
        return [
            f"{said}they count as different people, each put into a half by itself. Rows that were only read twice are "
            "to be dropped first"
        ]
    return [f"{said}copies share a half and count as one row. If they are different people, declare row_id=…"]
