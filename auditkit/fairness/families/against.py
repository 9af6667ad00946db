"""Comparisons of every group with one other side: a named reference group, or the rest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.errors import PolicyError, listing, nearest
from auditkit.evidence.suppression import SMALL
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.composites import COMPOSITES, CompositeFamily, nothing_to_compare, p_value_of
from auditkit.fairness.families.estimates import Family, number
from auditkit.fairness.groups import contrast_statements as statements
from auditkit.fairness.notes import finding_id, notes_of
from auditkit.records import Comparison, Estimate, Finding, Table
from auditkit.stats import contrasts, pvalues
from auditkit.stats.contrasts import Quantity
from auditkit.stats.families import FamilyInterval, minimum_detectable
from auditkit.stats.rates import critical_value, sidak_value

TO_REFERENCE: tuple[Comparison, ...] = ("difference_to_reference", "ratio_to_reference")
TO_REST: tuple[Comparison, ...] = ("difference_to_rest", "ratio_to_rest")
Reference = Mapping[str, str]
"""Attribute → value."""
AnyFamily = Family | CompositeFamily


class Sides(NamedTuple):
    """Both sides of a comparison."""

    where: NDArray[np.intp]
    """Positions of the groups compared."""
    own: Quantity
    other: Quantity
    comparisons: int
    """How many claims must hold together: one for two groups."""
    name: str
    """The other side in words."""
    rho: NDArray[np.float64] | None = None
    """Correlation of own and other; None: independent."""


def check_reference(tally: Tally, reference: Reference) -> None:
    """PolicyError, naming the nearest, unless every attribute is in the tally and has the value.

    Where small groups are told only together, a value that is not told may be one of them: it is not measured.
    """
    for attribute, value in reference.items():
        if attribute not in tally.by:
            raise PolicyError(
                f"no sensitive feature '{attribute}' for the reference group; declared are {listing(tally.by)}."
                f"{nearest(attribute, tally.by)}"
            )
        groups = [g for (g,) in tally.counts(attribute).groups]
        if value not in groups and SMALL not in groups:
            raise PolicyError(
                f"no group '{value}' of '{attribute}' to be the reference; the groups are {listing(groups)}."
                f"{nearest(value, groups)}"
            )


def finding(family: AnyFamily, metric: str, kind: Comparison, reference: Reference | None = None) -> Finding:
    """One comparison to the reference group, or to the rest; its table gives every group's own, with its sign."""
    e, found, sides = compare(family, metric, kind, reference)
    to = None if reference is None else {a: reference[a] for a in family.by}
    other = "the rest" if to is None else " & ".join(to.values())
    return Finding(
        id=finding_id("fairness", metric, kind, family.by, to),
        concern="fairness",
        title=f"{METRICS[metric].title}, {kind.replace('_', ' ')}, {' and '.join(family.by)}",
        statement=statements.of_contrast(metric, kind, family, e, found, other),
        metric=metric,
        comparison=kind,
        by=family.by,
        reference=to,
        estimate=e,
        by_group=family.by_group(),
        exhibits=() if sides is None else (_table(family, metric, kind, sides),),
        notes=(*(() if to is None else (f"the reference is {other}",)), *notes_of(family, kind, found)),
        references=(METRICS[metric].reference,),
    )


def compare(
    family: AnyFamily, metric: str, kind: Comparison, reference: Reference | None
) -> tuple[Estimate, FamilyInterval | None, Sides | None]:
    """The estimate of the group farthest from the other side, which group it is, and both sides."""
    sides = _to_rest(family) if reference is None else _to_reference(family, reference)
    if isinstance(sides, Estimate):
        return sides, None, None
    found = _interval(family, kind, sides)
    where = int(sides.where[found.first])
    found = found._replace(first=where, second=where)
    undefined = bool(np.isnan(found.value))
    e = Estimate(
        value=number(found.value),
        low=number(found.low),
        high=number(found.high),
        level=family.level,
        n=int(family.rows[family.kept].sum()),
        denominator=float(family.n[family.kept].sum()),
        method=_method(metric, kind, sides.comparisons) + family.suffix,
        mde=_mde(family, reference, sides.comparisons) if kind.startswith("difference") else None,
        state="undefined" if undefined else "ok",
        note="nobody is counted on either side: 0/0 is not a ratio" if undefined else "",
    )
    return e, found, sides


def p_value(
    family: AnyFamily, kind: Comparison, reference: Reference | None, *, limit: float, above: bool
) -> float | None:
    """Family p of H0: the comparison is at most (`above`), or at least, the limit; None without a test."""
    sides = _to_rest(family) if reference is None else _to_reference(family, reference)
    if isinstance(sides, Estimate):
        return None
    tail = partial(pvalues.tail, groups=sides.comparisons, law="separate", df=family.df)
    return p_value_of(partial(_interval, family, kind, sides), kind, limit, above=above, tail=tail, df=family.df)


def _interval(
    family: AnyFamily, kind: Comparison, sides: Sides, *, inner: float | None = None, outer: float | None = None
) -> FamilyInterval:
    asked = (sides.own, sides.other, sides.comparisons)
    inner = sidak_value(family.level, sides.comparisons, family.df) if inner is None else inner
    outer = critical_value(family.level, family.df) if outer is None else outer
    if kind.startswith("ratio"):
        return contrasts.ratio_to(*asked, level=family.level, inner=inner, outer=outer, rho=sides.rho)
    most = COMPOSITES[family.metric].most if isinstance(family, CompositeFamily) else 1.0
    return contrasts.difference_to(*asked, level=family.level, most=most, inner=inner, outer=outer, rho=sides.rho)


def _to_reference(family: AnyFamily, reference: Reference) -> Sides | Estimate:
    group = tuple(reference[a] for a in family.by)
    name = " & ".join(group)
    here = family.groups.index(group) if group in family.groups else -1
    if here < 0 or not family.kept[here]:
        n = int(family.n[here]) if here >= 0 else 0
        few = family.few(here) if n else "only 0 to count"
        note = _not_told(family, reference) or f"the reference group {name} has {few}"
        return nothing_to_compare(family).model_copy(update={"note": note, "state": "sparse" if n else "undefined"})
    where = np.array([i for i in np.flatnonzero(family.kept) if i != here], dtype=np.intp)
    if not len(where):
        return nothing_to_compare(family)
    own, other = family.own(where), family.own(np.array([here], dtype=np.intp))
    return Sides(where, own, other, len(where), name, family.correlation(where, here))


def _not_told(family: AnyFamily, reference: Reference) -> str | None:
    """Why a report that suppresses small groups has no such reference group; None where it has, or suppresses none."""
    for i, attribute in enumerate(family.by):
        told, value = {group[i] for group in family.groups}, reference[attribute]
        if value not in told and SMALL in told:
            return (
                f"the reference group {value} is not told on its own in this report: it is one of the {SMALL}, "
                "or not in the data"
            )
    return None


def _to_rest(family: AnyFamily) -> Sides | Estimate:
    where = np.flatnonzero(family.kept)
    if len(where) < 2:
        return nothing_to_compare(family)
    comparisons = 1 if len(where) == 2 else len(where)
    own, rest = family.own(where), family.rest(where)
    return Sides(where, own, rest, comparisons, "the rest", family.correlation(where, None))


def _mde(family: AnyFamily, reference: Reference | None, comparisons: int) -> float | None:
    """Of the smallest group kept, against the other side; None for composites, which have no one rate."""
    if isinstance(family, CompositeFamily):
        return None
    k, n = (x[family.kept] for x in family.counts)
    total = float(n.sum())
    groups = [g for g, kept in zip(family.groups, family.kept, strict=True) if kept]
    if reference is None:
        other = total - n
    else:
        here = groups.index(tuple(reference[a] for a in family.by))
        other, n = np.full(len(n) - 1, n[here]), np.delete(n, here)
    q = sidak_value(family.level, comparisons, family.df)
    mde = minimum_detectable(k.sum() / total, total, n, other, q=q, z=critical_value(family.level))
    return number(float(mde.max()))


def _method(metric: str, kind: Comparison, comparisons: int) -> str:
    ratio = kind.startswith("ratio")
    one = ("MOVER-R" if ratio else "Newcombe") if metric not in COMPOSITES else ("MOVER-R" if ratio else "MOVER")
    own = f"{COMPOSITES[metric].method}; " if metric in COMPOSITES else ""
    return own + (one if comparisons == 1 else f"{one}, Šidák for {comparisons} groups on the inner side")


def _table(family: AnyFamily, metric: str, kind: Comparison, sides: Sides) -> Table:
    ratios = kind.startswith("ratio")
    q = sidak_value(family.level, sides.comparisons, family.df)
    asked = (sides.own, sides.other, sides.comparisons)
    each = contrasts.each(*asked, level=family.level, ratios=ratios, inner=q, rho=sides.rho)
    rows = [
        (family.name(int(i)), number(float(family.values[i])), *(number(float(x[j])) for x in each))
        for j, i in enumerate(sides.where)
    ]
    what = f"Ratio to {sides.name}" if ratios else f"Difference to {sides.name}"
    columns = (" and ".join(family.by).capitalize(), METRICS[metric].title, what, "From", "To")
    return Table(title=f"{METRICS[metric].title}: every group against {sides.name}", columns=columns, rows=tuple(rows))
