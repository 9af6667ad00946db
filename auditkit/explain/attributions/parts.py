"""Attributions of several parts, each of a sample and from a baseline of its own, as one. No torch.

Contributions are means over rows, and a sampled row stands for rows of its part: means are added by their number, as
those of a stratified sample. What is told is what moves scores within the parts, since each has its own mean row; how
far these lie apart is told, too. Of the trials the worst counts. A ranking that was drawn anew in each part (T10) says
nothing of the sum: two features that lead nowhere alone may lead together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from auditkit.errors import EvidenceError, listing
from auditkit.evidence.grouped import Grouped, GroupSums
from auditkit.evidence.sums import same_facts
from auditkit.explain.attributions.sums import (
    LEADING,
    NOT_MEASURED,
    PHI,
    PICTURES,
    SIZE,
    START,
    AttributionSums,
    both_pictures,
)
from auditkit.explain.ratios import left
from auditkit.explain.trust.parts import worst

PARTS, SHIFT = "parts", "shift"
"""Facts: of how many parts it is; how far their mean rows lie apart, in standard deviations of the entry that differs
most."""
Tables = dict[str, Grouped]


def together(one: GroupSums, other: GroupSums) -> GroupSums:
    """Two parts, or sums of parts, as one; EvidenceError where they tell of other features or scores."""
    for seen in (one, other):
        if NOT_MEASURED in seen.facts:
            raise EvidenceError(f"a part has no attributions: {seen.facts[NOT_MEASURED]}")
    mine, theirs = ({k: v for k, v in x.facts.items() if k not in ("each", PARTS, SHIFT)} for x in (one, other))
    same_facts(mine, theirs, "attributions")
    if [x["label"] for x in one.facts["each"]] != [x["label"] for x in other.facts["each"]]:
        raise EvidenceError("cannot add attributions of other classes")
    each: list[dict[str, Any]] = []
    tables: Tables = {}
    for i, (a, b) in enumerate(zip(one.facts["each"], other.facts["each"], strict=True)):
        facts, found = _of_one((a, _tables(one, i)), (b, _tables(other, i)))
        each.append(facts)
        tables |= {f"{i}|{name}": table for name, table in found.items()}
    facts = {**mine, "each": each, PARTS: one.facts.get(PARTS, 1) + other.facts.get(PARTS, 1)}
    starts = [x.tables[START] for x in (one, other) if START in x.tables]
    if len(starts) == 2 and starts[0].columns == starts[1].columns:
        tables[START] = starts[0].beside(starts[1])
        facts[SHIFT] = max(_shift(*starts), one.facts.get(SHIFT, 0.0), other.facts.get(SHIFT, 0.0))
    pictures = both_pictures(*(getattr(x, PICTURES, None) for x in (one, other)))
    return GroupSums(facts, tables) if pictures is None else AttributionSums(facts, tables, pictures)


def _tables(seen: GroupSums, i: int) -> Tables:
    return {k.removeprefix(f"{i}|"): t for k, t in seen.tables.items() if k.startswith(f"{i}|")}


def _of_one(one: tuple[dict[str, Any], Tables], other: tuple[dict[str, Any], Tables]) -> tuple[dict[str, Any], Tables]:
    """Facts and tables of one score."""
    (a, mine), (b, theirs) = one, other
    if only := sorted({*a["features"]} ^ {*b["features"]}):
        raise EvidenceError(f"only some of the parts tell {listing(only)} each as one feature: they differ in features")
    if a["attributes"] != b["attributes"]:
        raise EvidenceError("cannot add attributions by other attributes")
    columns = mine[""].columns
    tables = {k: mine[k].beside(theirs[k].arranged(columns)) for k in ("", *(f"by|{x}" for x in a["attributes"]))}
    sizes = dict(zip(columns, tables[""].everybody.mean, strict=True))
    features = sorted(a["features"], key=lambda f: -sizes[f"{SIZE}{f}"])
    order = [f"{what}{f}" for what in (SIZE, PHI) for f in features]
    tables = {k: t.arranged(order) for k, t in tables.items()}
    leads = [{*x[:LEADING]} for x in (a["features"], b["features"], features)]
    told = [t["lead"].columns for t in (mine, theirs)]
    alike = leads[0] == leads[1] == leads[2] and all("lead" in t for t in told)
    lead = [c for c in told[0] if c in told[1]] if alike else ["total"]
    tables["lead"] = _leading(mine["lead"].arranged(lead), theirs["lead"].arranged(lead))
    statistics = [s for s in a["statistics"] if s in b["statistics"]]
    for k, name in enumerate(statistics):
        i, j = a["statistics"].index(name), b["statistics"].index(name)
        tables |= {f"{k}|{x}": mine[f"{i}|{x}"] + theirs[f"{j}|{x}"] for x in a["attributes"]}
    facts = {
        **a,
        "features": features,
        "statistics": statistics,
        "tried": a["tried"] + b["tried"],
        "trust": worst(a["trust"], b["trust"]),
        "ranking": None,
    }
    return facts, tables


def _leading(one: Grouped, other: Grouped) -> Grouped:
    """What leads beside all, the share of it no surer than strata make it."""
    both = one.beside(other)
    m = both.everybody
    if len(m.wx) == 1 or not m.wx[1]:
        return both
    share = float(m.wx[0] / m.wx[1])
    of_share = left(one.everybody, share).beside(left(other.everybody, share))
    return both._replace(everybody=replace(m, w2=max(m.w2, of_share.w2)))


def _shift(one: Grouped, other: Grouped) -> float:
    """How far two mean points lie apart, in standard deviations within both, where they differ most."""
    a, b = one.everybody, other.everybody
    variance = sum(m.wx2 / m.w - (m.wx / m.w) ** 2 for m in (a, b)) / 2
    apart = np.abs(a.mean - b.mean)
    found = np.divide(apart, np.sqrt(np.maximum(variance, 0.0)), out=np.zeros(apart.shape), where=variance > 1e-12)
    return float(f"{found.max(initial=0.0):.2g}")
