"""From activations along the mean gradient to findings: permutation tests, one family. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from auditkit.arrays import Floats
from auditkit.catalogue.explanations import SCALES
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import not_causes
from auditkit.errors import listing
from auditkit.evidence.grouped import Grouped, GroupSums, PersonRows
from auditkit.evidence.sums import Moments, Weights
from auditkit.explain.concepts.statements import CONCEPT, LEFT, PROJECTION, ConceptAtLayer, Told, concept_statement
from auditkit.explain.estimates import FEWEST, carried, estimated, less, means_of
from auditkit.records import Estimate, Finding, Table
from auditkit.stats.multiplicity import benjamini_hochberg, coverage_adjusted_level
from auditkit.stats.rates import critical_value

ONE, REST = "one", "rest"
"""Groups of a concept's table: its rows, and those that they are compared with."""


@dataclass(frozen=True)
class ConceptRows(PersonRows):
    """A row a sampled row (and a row of examples): `u:<layer>`, its activations along the mean gradient, and
    `left:<layer>`, the same without what legitimate columns and truth say of it, where some were declared."""

    def sums(self, fewest: int = 1) -> GroupSums:
        """A table a concept, of both its sides by layer; p of every layer by permutation; what cannot be tested."""
        layers = self.facts.get("layers")
        if layers is None:
            return GroupSums(self.facts)
        named = {layer: f"{PROJECTION}{layer}" for layer in layers}
        named |= {f"{LEFT}{layer}": f"{LEFT}{layer}" for layer in layers if f"{LEFT}{layer}" in self.columns}
        u = np.stack([self.columns[column] for column in named.values()], axis=1)
        tables: dict[str, Grouped] = {}
        absent: list[str] = []
        p: dict[str, list[float]] = {}
        weights = self.weights if "weight" in self.columns else None
        for name, values in self.labels.items():
            kept, few = _enough(name, values, weights)
            absent += few
            if not kept:
                continue
            matrix = np.stack(list(kept.values()), axis=1)
            used = (matrix != 0).any(axis=1)  # rows of other concepts are no part of it
            options = {"permutations": self.facts["permutations"], "seed": self.facts["seed"]}
            p |= dict(zip(kept, permutation_p(u[used], matrix[used], **options).tolist(), strict=True))
            centred = np.where(
                np.ptp(u[used], axis=0) > 0, u - u[used].mean(axis=0), 0.0
            )  # differences are what counts
            for key, contrast in kept.items():
                mine = contrast != 0
                sides = np.where(contrast > 0, ONE, REST)[mine].tolist()
                columns = dict(zip(named, centred[mine].T, strict=True))
                tables[key] = Grouped.of(columns, np.ones(len(sides)) if weights is None else weights.at(mine), sides)
        groups = {name: sorted(set(values) - {""}) for name, values in self.labels.items()}
        return GroupSums({**self.facts, "labels": groups, "absent": absent, "p": p}, tables)


def _enough(name: str, values: list[str], weights: Weights | None) -> tuple[dict[str, Floats], list[str]]:
    """Contrasts with ten rows or more on each side, and why there are no others."""
    contrasts = contrasts_of({name: values}, weights)
    counted = Weights(np.ones(len(values))) if weights is None else weights
    kept, absent = {}, []
    if not contrasts:
        absent.append(f"one group of {name} in the sample: there is no direction between groups")
    for key, contrast in contrasts.items():
        few = min(counted.at(side).rows for side in (contrast > 0, contrast < 0))
        if few < FEWEST:
            absent.append(f"{key.removeprefix(f'{name}=')} ({name}): {few} rows on one side, fewer than {FEWEST}")
        else:
            kept[key] = contrast
    return kept, absent


def contrasts_of(labels: dict[str, list[str]], weights: Weights | None = None) -> dict[str, Floats]:
    """`label=group` → (N,) weights, 1/n₁ for the group's rows, −1/n₀ for the others, 0 for rows that are neither; rows
    that have copies count as many times.

    Of two groups the second alone is a concept, since the other is its opposite; of more, each against the rest.

    >>> contrasts_of({"sex": ["a", "b", "b", ""]})["sex=b"].tolist()
    [-1.0, 0.5, 0.5, 0.0]
    """
    out = {}
    for name, values in labels.items():
        label = np.array(values, dtype=object)
        groups = sorted(set(values) - {""})
        for group in groups[1:] if len(groups) == 2 else groups if len(groups) > 2 else ():
            one, rest = label == group, (label != group) & (label != "")
            sides = [one, rest] if weights is None else [one * weights.weight, rest * weights.weight]
            out[f"{name}={group}"] = sides[0] / sides[0].sum() - sides[1] / sides[1].sum()
    return out


def concept_findings(seen: GroupSums, *, level: float) -> tuple[list[Finding], list[str]]:
    """The findings, and what could not be tested.

    Layers and groups of one finding share their false discoveries (Benjamini–Hochberg): its p is then Simes's of H0:
    none of them moves decisions. Findings share the report's error; with those of other attributes in one family, what
    truly goes along with one would lend a part of the error to another, with which nothing does.
    """
    labels: dict[str, list[str]] = seen.facts["labels"]
    absent: list[str] = list(seen.facts["absent"])
    findings = []
    own = [name for name in labels if name.startswith(CONCEPT)]
    for names in [*([n] for n in labels if n not in own), own]:
        found = [along for name in names for along in _tested(seen, name, level)]
        if not found:
            continue
        adjusted = benjamini_hochberg([t.p for t in found])
        at = coverage_adjusted_level(level, int((adjusted <= 1 - level).sum()), len(found))  # the strongest is named
        mine = [(t._replace(estimate=t.estimate_at(at)), float(q)) for t, q in zip(found, adjusted, strict=True)]
        findings.append(_finding(seen, mine, names, len(found), level))
    return findings, absent


def permutation_p(u: Floats, contrasts: Floats, *, permutations: int, seed: int) -> Floats:
    """Two-sided p (K, L) of contrasts (N, K) of u (N, L): (1 + as extreme) / (1 + all), rows dealt out anew.

    One set of permutations serves all contrasts and columns: all layers' v of permuted labels in a matrix product,
    already projected onto the mean gradient.

    >>> u = np.arange(20.0)[:, None]
    >>> permutation_p(u, np.repeat([-0.1, 0.1], 10)[:, None], permutations=99, seed=1).tolist()
    [[0.01]]
    """
    u = u - u.mean(axis=0)
    observed = np.abs(contrasts.T @ u) * (1 - 1e-9)  # sums in another order must not look smaller
    rng = np.random.default_rng(seed)
    extreme = np.zeros(observed.shape)
    for _ in range(permutations):
        extreme += np.abs(contrasts.T @ u[rng.permutation(len(u))]) >= observed
    return np.asarray((1 + extreme) / (1 + permutations))


def _tested(seen: GroupSums, label: str, level: float) -> list[ConceptAtLayer]:
    """Every group of a label at every layer."""
    facts = seen.facts
    groups = facts["labels"][label]
    out = []
    for group in groups:
        key = f"{label}={group}"
        if key not in seen.tables:
            continue
        table = seen.tables[key]
        for j, layer in enumerate(facts["layers"]):
            hits, n, *moved = facts["shares"].get(f"{layer}|{key}", (0, 0))  # of groups told together: not looked at
            e = partial(_apart, table.groups[ONE], table.groups[REST], j)
            others = groups[0] if len(groups) == 2 else "other"
            share, single = (hits / n, moved[0] / n if moved else None) if n else (None, None)
            p = facts["p"][key]
            found = ConceptAtLayer(layer, label, group, others, e, e(level), float(p[j]), share, single)
            if not label.startswith(CONCEPT) and f"{LEFT}{layer}" in table.columns:
                k = table.columns.index(f"{LEFT}{layer}")
                left = _apart(table.groups[ONE], table.groups[REST], k, level)
                found = found._replace(left=left, left_p=float(p[k]))
            out.append(found)
    return out


def _apart(one: Moments, rest: Moments, j: int, level: float) -> Estimate:
    """The difference of the means of u; the mean gradient counts as known."""
    mine, others = means_of([one, rest], j)
    d = less(mine, others)
    method = f"{d.method}; the mean gradient counts as known"
    if min(s.effective_n for s in (one, rest)) <= 1:
        return estimated(d.value, (math.nan, math.nan), n=d.n, level=level, method=method)
    limits = d.limits(critical_value(level))
    if limits == (d.value, d.value):
        return Estimate(value=d.value, low=d.value, high=d.value, level=level, n=d.n, method="no activation differs")
    e = estimated(d.value, limits, n=d.n, level=level, method=method)
    return carried(e) if d.unstable and e.state == "ok" else e


def _finding(
    seen: GroupSums, mine: Sequence[tuple[ConceptAtLayer, float]], names: list[str], tried: int, level: float
) -> Finding:
    own = names[0].startswith(CONCEPT)
    by = () if own else tuple(names)
    what = "the concepts given" if own else names[0]
    best, q = min(mine, key=lambda t: (t[1], t[0].p, -abs(t[0].estimate.value or 0.0)))
    unit = SCALES[seen.facts["explained"]].name
    unit = f"{unit} of “{seen.facts['label']}”" if "label" in seen.facts else unit
    told = Told.of(mine, best, q, seen.facts, what, unit, level)
    held = seen.facts.get("held") if not own else None
    return Finding(
        id="explanation/concepts/overall" + ("" if own else f"/{names[0]}"),
        concern="explanation",
        title=f"Concepts inside the net: {what}",
        statement=concept_statement(told),
        metric="concepts",
        comparison="overall",
        by=by,
        caveat=f"This is {not_causes()}.",
        estimate=best.estimate,
        p=told.p,
        exhibits=(_table(mine, what, unit),),
        notes=(
            f"p from {seen.facts['permutations']:,} permutations of the labels (seed {seen.facts['seed']}), adjusted "
            f"by Benjamini–Hochberg over {tried} layers × concepts; sampled rows count alike",
            "to first order: the change of the decision if every row's activations moved by the difference of means",
            "intervals at the false-coverage level 1 − αR/m; the TCAV share is shown, not tested",
            *([f"at equal {listing(held)}: without what a regression on them says of the activations"] if held else []),
        ),
        references=(METRICS["concepts"].reference,),
    )


def _table(mine: Sequence[tuple[ConceptAtLayer, float]], what: str, unit: str) -> Table:
    left = any(t.left is not None for t, _ in mine)
    rows = tuple(
        (
            *(t.layer, t.name, t.estimate.n, t.estimate.value, t.estimate.low, t.estimate.high, q, t.share),
            *((None if t.left is None else t.left.value,) if left else ()),
        )
        for t, q in mine
    )
    columns = ("layer", "concept", "rows", f"moves the {unit} by", "from", "to", "p, adjusted", "TCAV share")
    return Table(
        title=f"The direction of {what}, layer by layer",
        columns=(*columns, *(("at equal legitimate columns",) if left else ())),
        rows=rows,
        units=("", "", "", "", "", "", "", "percent", *(("",) if left else ())),
    )
