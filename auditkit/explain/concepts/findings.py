"""From activations along the mean gradient to findings: permutation tests, one family. No torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.evidence.sample import Observations
from auditkit.explain.estimates import FEWEST, excludes_zero
from auditkit.records import Estimate, Finding, Table
from auditkit.stats.means import t_limits
from auditkit.stats.multiplicity import benjamini_hochberg, coverage_adjusted_level
from auditkit.wording import decimals, percent, plain

Floats = NDArray[np.float64]

PROJECTION, CONCEPT = "u:", "concept: "
"""Prefixes: of columns, activations along the mean gradient; of labels, concepts that the user gave."""
UNITS = {"logit": "log-odds", "probability": "probability", "prediction": "prediction"}


class Along(NamedTuple):
    """One concept at one layer."""

    layer: str
    label: str
    """The label that it is read from: an attribute, or `concept: …`."""
    group: str
    """Whose rows are the concept."""
    others: str
    """Whose rows they are compared with."""
    estimate_at: Callable[[float], Estimate]
    """Level → the statistic with its interval."""
    estimate: Estimate
    p: float
    share: float | None
    """TCAV: the share of rows whose decision rises along v."""


def contrasts_of(labels: dict[str, list[str]]) -> dict[str, Floats]:
    """`label=group` → (N,) weights, 1/n₁ for the group's rows, −1/n₀ for the others, 0 for rows that are neither.

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
            out[f"{name}={group}"] = one / one.sum() - rest / rest.sum()
    return out


def concept_findings(seen: Observations, *, level: float) -> tuple[list[Finding], list[str]]:
    """The findings, and what could not be tested."""
    found: list[Along] = []
    absent: list[str] = []
    for name in seen.labels:
        contrasts = contrasts_of({name: seen.labels[name]})
        if not contrasts:
            absent.append(f"one group of {name} in the sample: there is no direction between groups")
        kept = {}
        for key, contrast in contrasts.items():
            few = min(int((contrast > 0).sum()), int((contrast < 0).sum()))
            if few < FEWEST:
                absent.append(f"{key.removeprefix(f'{name}=')} ({name}): {few} rows on one side, fewer than {FEWEST}")
            else:
                kept[key] = contrast
        found += _tested(seen, name, kept, level) if kept else []
    if not found:
        return [], absent
    adjusted = benjamini_hochberg([t.p for t in found])
    at = coverage_adjusted_level(level, int((adjusted <= 1 - level).sum()), len(found))  # the strongest is named
    found = [t._replace(estimate=t.estimate_at(at)) for t in found]
    findings = []
    own = [name for name in seen.labels if name.startswith(CONCEPT)]
    for names in [*([n] for n in seen.labels if n not in own), own]:
        mine = [(t, float(q)) for t, q in zip(found, adjusted, strict=True) if t.label in names]
        if mine:
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


def _tested(seen: Observations, label: str, contrasts: dict[str, Floats], level: float) -> list[Along]:
    """Every group of a label at every layer."""
    facts, layers = seen.facts, seen.facts["layers"]
    matrix = np.stack(list(contrasts.values()), axis=1)
    used = (matrix != 0).any(axis=1)  # rows of other concepts are no part of it
    u = np.stack([seen.columns[f"{PROJECTION}{layer}"] for layer in layers], axis=1)
    p = permutation_p(u[used], matrix[used], permutations=facts["permutations"], seed=facts["seed"])
    groups = sorted(set(seen.labels[label]) - {""})
    out = []
    for k, (key, contrast) in enumerate(contrasts.items()):
        for j, layer in enumerate(layers):
            hits, n = facts["shares"][f"{layer}|{key}"]
            e = partial(_welch, u[:, j], contrast)
            others = groups[0] if len(groups) == 2 else "other"
            share = hits / n if n else None
            group = key.removeprefix(f"{label}=")
            out.append(Along(layer, label, group, others, e, e(level), float(p[k, j]), share))
    return out


def _welch(u: Floats, contrast: Floats, level: float) -> Estimate:
    """The difference of the means of u, Welch's interval; the mean gradient counts as known."""
    sides = [u[contrast > 0], u[contrast < 0]]
    parts = [s.var(ddof=1) / len(s) for s in sides]
    error = math.sqrt(sum(parts))
    value = float(sides[0].mean() - sides[1].mean())
    n = sum(map(len, sides))
    if not error:
        return Estimate(value=value, low=value, high=value, level=level, n=n, method="no activation differs")
    df = sum(parts) ** 2 / sum(v * v / (len(s) - 1) for v, s in zip(parts, sides, strict=True))
    low, high = t_limits(value, error, effective_n=df + 1, level=level)
    method = "difference of means, Welch's t; the mean gradient counts as known"
    return Estimate(value=value, low=float(low), high=float(high), level=level, n=n, method=method)


def _finding(
    seen: Observations, mine: Sequence[tuple[Along, float]], names: list[str], tried: int, level: float
) -> Finding:
    own = names[0].startswith(CONCEPT)
    by = () if own else tuple(names)
    what = "the concepts given" if own else names[0]
    best, q = min(mine, key=lambda t: (t[1], t[0].p, -abs(t[0].estimate.value or 0.0)))
    unit = UNITS[seen.facts["explained"]]
    return Finding(
        id="explanation/concepts/overall" + ("" if own else f"/{names[0]}"),
        concern="explanation",
        title=f"Concepts inside the net: {what}",
        statement=_statement(mine, best, q, what, unit, level),
        metric="concepts",
        comparison="overall",
        by=by,
        estimate=best.estimate,
        exhibits=(_table(mine, what, unit),),
        notes=(
            f"p from {seen.facts['permutations']:,} permutations of the labels (seed {seen.facts['seed']}), adjusted "
            f"by Benjamini–Hochberg over {tried} layers × concepts; sampled rows count alike",
            "to first order: the change of the decision if every row's activations moved by the difference of means",
            "intervals at the false-coverage level 1 − αR/m; the TCAV share is shown, not tested",
        ),
        references=(METRICS["concepts"].reference,),
    )


def _table(mine: Sequence[tuple[Along, float]], what: str, unit: str) -> Table:
    rows = tuple(
        (t.layer, _name(t), t.estimate.n, t.estimate.value, t.estimate.low, t.estimate.high, q, t.share)
        for t, q in mine
    )
    return Table(
        title=f"The direction of {what}, layer by layer",
        columns=("layer", "concept", "rows", f"moves the {unit} by", "from", "to", "p, adjusted", "TCAV share"),
        rows=rows,
        units=("", "", "", "", "", "", "", "percent"),
    )


def _name(t: Along) -> str:
    return t.label.removeprefix(CONCEPT) if t.label.startswith(CONCEPT) else t.group


def _statement(mine: Sequence[tuple[Along, float]], best: Along, q: float, what: str, unit: str, level: float) -> str:
    layers = len({t.layer for t, _ in mine})
    if q > 1 - level or not excludes_zero(best.estimate):
        return (
            f"At none of {layers} layers does the direction of {what} inside the net move its decisions more than "
            "chance would: nothing shows that they go along with it."
        )
    e = best.estimate
    sure = "" if e.low is None else f" ({100 * e.level:.4g}% interval {plain(e.low)} to {plain(e.high)})"
    given = best.label.startswith(CONCEPT)
    way = f"of {_name(best)}" if given else f"in which {best.group} rows differ from {best.others} rows"
    p = "less than 0.001" if q < 0.001 else decimals(q, 3)
    return (
        f"The net's decisions go along with {_name(best) if given else what}. At {best.layer}, moving a row the way "
        f"{way} {'raises' if (e.value or 0) > 0 else 'lowers'} the {unit} by {plain(abs(e.value or 0))}{sure}, p "
        f"{p}; it goes up for {percent(best.share)} of rows. This is how the model reaches its scores, not what causes "
        "the outcome."
    )
