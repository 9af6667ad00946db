"""From a table of attributions to one finding: shares, means by group with intervals, a sentence. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.trust import THRESHOLDS
from auditkit.errors import listing
from auditkit.evidence.sample import Observations
from auditkit.evidence.sums import Moments
from auditkit.explain.trust.quality import parity, ranking
from auditkit.explain.trust.readings import readings
from auditkit.explain.trust.records import completeness_check, preflight_check, unmeasured
from auditkit.records import Estimate, Finding, GroupEstimates, TrustCheck
from auditkit.stats.means import t_limits
from auditkit.wording import interval, percent

Floats = NDArray[np.float64]

PHI = "phi:"
"""Prefix of the columns that hold attributions."""
LEADING = 2
"""Features named in the sentence, and counted in the estimate."""
SPARSE = 10
"""Fewer sampled rows than this give a value without an interval."""
UNITS = {"logit": "log-odds", "probability": "probability", "prediction": "the unit of the prediction"}
MEAN = "weighted mean, t with Kish's effective rows"
SHARE = "ratio of weighted means, linearised; t with Kish's effective rows"


class Attributed(NamedTuple):
    """Attributions with their features in the order of overall weighted mean size."""

    features: tuple[str, ...]
    phi: Floats
    """(N, features), signed."""
    weight: Floats
    """(N,)."""


def attribution_finding(seen: Observations, *, level: float) -> Finding:
    """The finding `explanation/<method>/overall`; its estimate is the share of the two features that carry most."""
    method = seen.facts["method"]
    attributed = _ordered(seen)
    share = _leading_share(attributed, level)
    label = seen.facts.get("label")
    of_class = "" if label is None else f" for class {label}"
    t10, ranked = ranking(*attributed, level=level)
    t11, by_group = parity(seen, level=level)
    tried = () if seen.trials is None else readings(seen.trials)
    trust = (preflight_check(), _completeness(seen), *tried, t10, t11)
    return Finding(
        id=f"explanation/{method}/overall" + ("" if label is None else f"[{label}]"),
        concern="explanation",
        title=f"What moves the model's scores{of_class}",
        label=label,
        statement=_statement(attributed.features, share, trust),
        metric=method,
        comparison="overall",
        estimate=share,
        exhibits=(*_exhibits(seen, attributed, level), ranked, *([] if by_group is None else [by_group])),
        notes=_notes(seen, trust),
        references=(METRICS[method].reference,),
        trust=trust,
    )


def of_class(seen: Observations, label: str) -> Observations:
    """The part of the table of one class, where every class was explained."""
    prefix = f"{label}|"
    columns = {c.removeprefix(prefix): v for c, v in seen.columns.items() if c.startswith(prefix)}
    facts = {k: v for k, v in seen.facts.items() if k != "classes"} | {"label": label}
    trials = None
    if seen.trials is not None:
        own = {c.removeprefix(prefix): v for c, v in seen.trials.columns.items() if c.startswith(prefix)}
        told = {k.removeprefix(prefix): v for k, v in seen.trials.facts.items() if k.startswith(prefix)}
        trials = Observations(own, seen.trials.labels, told)
    return Observations(columns, seen.labels, facts, trials)


def _completeness(seen: Observations) -> TrustCheck:
    if "epsilon" not in seen.columns:
        return unmeasured("T1", "the method does not promise to add up")
    return completeness_check(seen.columns["epsilon"], seen.columns["steps"].astype(np.int64))


def _ordered(seen: Observations) -> Attributed:
    names = [c.removeprefix(PHI) for c in seen.columns if c.startswith(PHI)]
    phi = np.stack([seen.columns[f"{PHI}{name}"] for name in names], axis=1)
    weight = seen.columns["weight"]
    order = np.argsort(-Moments.of(np.abs(phi), weight).mean, kind="stable")
    return Attributed(tuple(names[j] for j in order), phi[:, order], weight)


def _leading_share(attributed: Attributed, level: float) -> Estimate:
    """Σw Σ_{j leads} abs(φ_j) / Σw Σ_j abs(φ_j), the variance of the ratio by linearisation."""
    sizes = np.abs(attributed.phi)
    lead, total = sizes[:, :LEADING].sum(1), sizes.sum(1)
    mean_lead, mean_total = Moments.of(np.stack([lead, total], axis=1), attributed.weight).mean
    n = len(total)
    if not mean_total:
        return Estimate(value=None, level=level, n=n, method=SHARE, state="undefined", note="no column moves any score")
    share = mean_lead / mean_total
    residual = Moments.of(((lead - share * total) / mean_total)[:, None], attributed.weight)
    return _estimate(share, float(residual.standard_error[0]), residual, level, bounds=(0.0, 1.0), method=SHARE)


def _exhibits(seen: Observations, attributed: Attributed, level: float) -> tuple[GroupEstimates, GroupEstimates]:
    series = list(_series(seen))
    unit = UNITS[seen.facts["explained"]]

    def exhibit(title: str, values: Floats, bounds: tuple[float, float]) -> GroupEstimates:
        cells = [_means(values[rows], attributed.weight[rows], level, bounds) for _, rows in series]
        return GroupEstimates(
            title=title,
            unit=unit,
            series=tuple(name for name, _ in series),
            rows=tuple((feature, tuple(c[j] for c in cells)) for j, feature in enumerate(attributed.features)),
        )

    return (
        exhibit("How much each column moves the scores", np.abs(attributed.phi), (0.0, np.inf)),
        exhibit("Which way each column moves the scores", attributed.phi, (-np.inf, np.inf)),
    )


def _series(seen: Observations) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The series `overall`, then every value of every sensitive attribute, with its rows."""
    yield "overall", np.ones(len(seen), dtype=bool)
    for attribute, labels in seen.labels.items():
        values = np.asarray(labels, dtype=object)
        for value in sorted(set(labels)):
            yield f"{attribute}: {value}", values == value


def _means(values: Floats, weight: Floats, level: float, bounds: tuple[float, float]) -> list[Estimate]:
    moments = Moments.of(values, weight)
    pairs = zip(moments.mean, moments.standard_error, strict=True)
    return [_estimate(float(m), float(e), moments, level, bounds=bounds, method=MEAN) for m, e in pairs]


def _estimate(
    value: float, error: float, moments: Moments, level: float, *, bounds: tuple[float, float], method: str
) -> Estimate:
    if moments.n < SPARSE:
        note = f"{moments.n} sampled rows, fewer than {SPARSE}: no interval"
        return Estimate(value=value, level=level, n=moments.n, method=method, state="sparse", note=note)
    low, high = t_limits(value, error, effective_n=moments.effective_n, level=level)
    if not np.isfinite(low):
        note = "one row outweighs all others: no interval"
        return Estimate(value=value, level=level, n=moments.n, method=method, state="sparse", note=note)
    limits = {"low": max(bounds[0], float(low)), "high": min(bounds[1], float(high))}
    return Estimate(value=value, level=level, n=moments.n, method=method, **limits)


def _statement(features: tuple[str, ...], share: Estimate, trust: tuple[TrustCheck, ...]) -> str:
    failed = [t for t in trust if t.failed]
    if failed:
        return " ".join(["This explanation does not hold.", *map(_failure, failed)])
    if share.value is None:
        return "No column moves the model's scores on the sampled rows."
    names = features[:LEADING]
    sure = f" ({interval(share, 'overall')})" if share.low is not None else ""
    cautions = [f" Caution: {THRESHOLDS[t.id].failure}." for t in trust if t.cautions]
    return (
        f"{' and '.join(names)} {'carry' if len(names) > 1 else 'carries'} {percent(share.value)} of what moves the "
        f"model's scores, on average{sure}: how the model reaches its scores, not what causes the outcome."
        f"{''.join(cautions)}"
    )


def _failure(t: TrustCheck) -> str:
    if t.id == "T1":
        return (
            "Its contributions should add up to the score difference. They miss it by "
            f"{percent(t.value)} (at most 5% allowed)."
        )
    return f"Failed {t.id}, {t.name}: {THRESHOLDS[t.id].failure}."


def _notes(seen: Observations, trust: tuple[TrustCheck, ...]) -> tuple[str, ...]:
    facts = seen.facts
    few = [name for name, rows in _series(seen) if rows.sum() < SPARSE]
    return (
        f"explains the {facts['explained']}, from {facts['baseline']}",
        *([f"not read by the model: {listing(facts['unread'])}"] if facts["unread"] else []),
        *([f"fewer than {SPARSE} sampled rows, shown without an interval: {listing(few)}"] if few else []),
        *([f"explained by {facts['method']}: {facts['switched']}"] if "switched" in facts else []),
        *([f"read but not explained, whole numbers: {listing(facts['unmoved'])}"] if "unmoved" in facts else []),
        f"completeness (T1): {trust[1].note}",
        *(f"{t.name} ({t.id}): {t.note}" for t in trust if t.failed and t.id != "T1"),
        *(f"caution, {t.name} ({t.id}): {t.note}" for t in trust if t.cautions),
    )
