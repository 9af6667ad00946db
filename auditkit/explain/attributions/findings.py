"""From sums of attributions to one finding: shares, means by group with intervals, a sentence. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from auditkit.catalogue.explanations import SCALES
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import as_one_words, not_causes
from auditkit.catalogue.trust import THRESHOLDS
from auditkit.errors import listing
from auditkit.evidence.grouped import Grouped, GroupSums, hidden
from auditkit.evidence.sums import Moments
from auditkit.explain.attributions.parts import PARTS, SHIFT
from auditkit.explain.attributions.sums import LEADING, AttributionSums
from auditkit.explain.estimates import UNBOUNDED, Cell, carried, estimated, means_of, undefined
from auditkit.explain.methods.names import of_the_sample
from auditkit.explain.ratios import METHOD as RATIO
from auditkit.explain.ratios import ratios_of
from auditkit.explain.trust.quality import parity, ranking
from auditkit.explain.trust.records import preflight_check, unmeasured
from auditkit.formatting import interval, percent, plain
from auditkit.question import SPARSE
from auditkit.records import Estimate, Finding, GroupEstimates, TrustCheck
from auditkit.stats.means import shape_of, skewed_limits, too_skewed
from auditkit.stats.rates import critical_value

WIDEST = "ratio of means, as unsure as their errors can make it; t corrected for skewness, with Kish's effective rows"


class Attributed(NamedTuple):
    """One explained score: its features in the order of overall weighted mean size, and sums by group."""

    facts: dict[str, Any]
    """Of the method, and of this score."""
    tables: dict[str, Grouped]

    @property
    def features(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self.facts["features"])

    @property
    def everybody(self) -> Moments:
        """Sizes of all features, then their signed contributions."""
        return self.tables[""].everybody

    def series(self) -> list[tuple[str, Moments]]:
        """`overall`, then every value of every sensitive attribute."""
        return [("overall", self.everybody), *((f"{a}: {g}", m) for a, g, m in self._groups())]

    def parts(self) -> list[list[Moments]]:
        """The same, each as one of those that share the rows: everybody, then the groups of every attribute."""
        by = (self.tables[f"by|{a}"].groups for a in self.facts["attributes"])
        return [[self.everybody], *(list(groups.values()) for groups in by)]

    def groups(self) -> tuple[dict[str, str | None], ...]:
        """Attribute → value of each series; empty: everybody."""
        named: list[dict[str, str | None]] = [{a: g} for a, g, _ in self._groups()]
        return ({}, *named)

    def _groups(self) -> Iterator[tuple[str, str, Moments]]:
        for a in self.facts["attributes"]:
            yield from ((a, g, m) for g, m in self.tables[f"by|{a}"].groups.items())


def attribution_findings(seen: GroupSums, *, level: float) -> tuple[Finding, ...]:
    """`explanation/<method>/overall`, or one a class where every class was explained.

    Its estimate is the share of the two features that carry most.
    """
    found = []
    for i, own in enumerate(seen.facts["each"]):
        tables = {k.removeprefix(f"{i}|"): t for k, t in seen.tables.items() if k.startswith(f"{i}|")}
        found.append(_finding(Attributed({**seen.facts, **own}, tables), level))
    pictures = seen.pictures if isinstance(seen, AttributionSums) else None
    if pictures is not None and found:  # of every class the same: once
        found[0] = found[0].model_copy(update={"exhibits": (*found[0].exhibits, pictures.exhibit())})
    return tuple(found)


def _finding(seen: Attributed, level: float) -> Finding:
    facts = seen.facts
    method, label = facts["method"], facts["label"]
    share = _leading_share(seen, level)
    of_class = "" if label is None else f" for class {label}"
    means = seen.everybody.mean[: len(seen.features)]
    t10, ranked = unmeasured("T10", APART), None
    if facts["ranking"] is not None:
        t10, ranked = ranking(seen.features, means, facts["ranking"], n=seen.everybody.n, level=level)
    by = [{a: seen.tables[f"{k}|{a}"] for a in facts["attributes"]} for k in range(len(facts["statistics"]))]
    t11, by_group = parity(facts["statistics"], by, tried=facts["tried"], level=level)
    tried = (TrustCheck.model_validate(t) for t in facts["trust"])
    trust = (preflight_check(), *(_in_parts(t, facts) for t in tried), t10, t11)
    trust = tuple(sorted(trust, key=lambda t: list(THRESHOLDS).index(t.id)))
    return Finding(
        id=f"explanation/{method}/overall{_at(facts)}" + ("" if label is None else f"[{label}]"),
        concern="explanation",
        title=f"What moves the model's scores{of_class}",
        label=label,
        statement=_within(facts) + _statement(seen.features, share, trust),
        metric=method,
        comparison="overall",
        caveat=f"{not_causes()}.",
        estimate=share,
        exhibits=(*_exhibits(seen, level), *(x for x in (ranked, by_group) if x is not None)),
        notes=_notes(seen, trust),
        references=(METRICS[method].reference,),
        trust=trust,
    )


def _at(facts: dict[str, Any]) -> str:
    """Where in the net, where that was said."""
    layer = facts.get("layer")
    return "" if layer is None else f"/{layer}"


APART = "the rows of each part were drawn anew for themselves: which features lead together does not follow"


def _in_parts(t: TrustCheck, facts: dict[str, Any]) -> TrustCheck:
    """Of several parts a check is that of the worst, and says so."""
    n = facts.get(PARTS, 1)
    return t if n == 1 or not t.applies else t.model_copy(update={"note": f"the worst of {n} parts: {t.note}"})


def _leading_share(seen: Attributed, level: float) -> Estimate:
    """Σw Σ_{j leads} abs(φ_j) / Σw Σ_j abs(φ_j), the variance of the ratio by linearisation."""
    m = seen.tables["lead"].everybody
    if len(m.wx) == 1:
        return _widest_share(seen, m, level)
    if not m.wx[1]:
        return undefined("no column moves any score", n=m.n, level=level, method=RATIO)
    return ratios_of([m], bounds=(0.0, 1.0))[0].estimate(level)


def _widest_share(seen: Attributed, of: Moments, level: float) -> Estimate:
    """The same where the leading features of a part are others, so that nobody added them up row by row.

    Of L − share · T, L what leads and T all, the error is at most that of L and share times that of T, or that of each
    feature by its coefficient, whichever is less: as if the features moved as one. Its skewness is of either sign, and
    of the size of the most skewed feature's.
    """
    d, n = len(seen.features), of.n
    mean, error = seen.everybody.mean[:d], seen.everybody.standard_error[:d]
    total = float(mean.sum())
    if not total:
        return undefined("no column moves any score", n=n, level=level, method=WIDEST)
    share, lead = float(mean[:LEADING].sum()) / total, float(error[:LEADING].sum())
    of_all = min(float(of.standard_error[0]), float(error.sum()))
    each = (1 - share) * lead + share * float(error[LEADING:].sum())
    widest = min(each, lead + share * of_all) / total
    skewness = seen.everybody.skewness
    worth, most = np.array([of.effective_n]), np.array([0.0 if skewness is None else np.abs(skewness[:d]).max()])
    at = np.array([share]), np.array([widest]), worth
    sides = [skewed_limits(*at, sign * shape_of(most, worth), critical_value(level)) for sign in (1, -1)]
    limits = min(float(s.low[0]) for s in sides), max(float(s.high[0]) for s in sides)
    e = estimated(share, np.clip(limits, 0.0, 1.0), n=n, level=level, method=WIDEST)
    return carried(e) if e.state == "ok" and too_skewed(most, worth)[0] else e


def _exhibits(seen: Attributed, level: float) -> tuple[GroupEstimates, GroupEstimates]:
    d = len(seen.features)
    unit = SCALES[seen.facts["explained"]].unit

    def cells(column: int, bounds: tuple[float, float]) -> list[Cell]:
        return [cell for part in seen.parts() for cell in means_of(part, column, bounds=bounds)]

    def exhibit(title: str, first: int, bounds: tuple[float, float]) -> GroupEstimates:
        return GroupEstimates(
            title=title,
            unit=unit,
            series=tuple(name for name, _ in seen.series()),
            rows=tuple(
                (feature, tuple(cell.estimate(level) for cell in cells(first + j, bounds)))
                for j, feature in enumerate(seen.features)
            ),
            groups=seen.groups(),
        )

    return (
        exhibit("How much each column moves the scores", 0, (0.0, np.inf)),
        exhibit("Which way each column moves the scores", d, UNBOUNDED),
    )


def _statement(features: tuple[str, ...], share: Estimate, trust: tuple[TrustCheck, ...]) -> str:
    failed = [t for t in trust if t.failed]
    if failed:
        return " ".join(["This explanation does not hold.", *map(_failure, failed)])
    if share.value is None:
        return "No column moves the model's scores on the sampled rows."
    names = features[:LEADING]
    sure = f" ({interval(share, 'overall')})" if share.low is not None else ""
    sure = f" ({share.note})" if share.state == "unstable" else sure
    cautions = [f" Caution: {t.meaning}." for t in trust if t.cautions]
    return (
        f"{' and '.join(names)} {'carry' if len(names) > 1 else 'carries'} {percent(share)} of what moves the "
        f"model's scores, on average{sure}: {not_causes()}."
        f"{''.join(cautions)}"
    )


def _failure(t: TrustCheck) -> str:
    if t.id == "T1":
        return (
            "Its contributions should add up to the score difference. They miss it by "
            f"{percent(t.value)} (at most 5% allowed)."
        )
    return f"Failed {t.id}, {t.name}: {THRESHOLDS[t.id].failure}."


def _notes(seen: Attributed, trust: tuple[TrustCheck, ...]) -> tuple[str, ...]:
    facts = seen.facts
    few = [name for name, moments in seen.series() if moments.n < SPARSE and not hidden(moments)]
    unseen = [name for name, moments in seen.series() if hidden(moments)]
    return (
        f"explains the {facts['explained']}, from {facts['baseline']}",
        *_of_parts(facts),
        *([f"weighs the maps of layer {facts['layer']}"] if facts.get("layer") else []),
        *as_one_words(facts.get("as_one", ()), facts.get("jointly", ())),
        *([f"not read by the model: {listing(facts['unread'])}"] if facts["unread"] else []),
        *([f"fewer than {SPARSE} sampled rows, shown without an interval: {listing(few)}"] if few else []),
        *([f"not shown, they would tell of fewer than {SPARSE} sampled rows: {listing(unseen)}"] if unseen else []),
        *([f"explained by {facts['method']}: {facts['switched']}"] if "switched" in facts else []),
        *([f"read but not explained, whole numbers: {listing(facts['unmoved'])}"] if "unmoved" in facts else []),
        f"completeness (T1): {trust[1].note}",
        *(f"{t.name} ({t.id}): {t.note}" for t in trust if t.failed and t.id != "T1"),
        *(f"caution, {t.name} ({t.id}): {t.note}" for t in trust if t.cautions),
        *(f"not sure, {t.name} ({t.id}): {t.note}" for t in trust if not t.sure),
    )


def _within(facts: dict[str, Any]) -> str:
    """Of what a statement is true, where it is not of all rows together."""
    several = facts.get(PARTS, 1) > 1 and of_the_sample(facts["method"])
    return f"Within the {facts[PARTS]} parts: " if several else ""


def _of_parts(facts: dict[str, Any]) -> tuple[str, ...]:
    """What holds of several parts together, and what does not."""
    if facts.get(PARTS, 1) == 1:
        return ()
    if not of_the_sample(facts["method"]):
        return (f"means over the rows of {facts[PARTS]} parts",)
    shift = facts.get(SHIFT)
    far = "" if shift is None else f"; their mean rows lie up to {plain(shift)} standard deviations apart"
    return (
        f"means over the rows of {facts[PARTS]} parts, each explained from a start of its own: what moves scores from "
        f"one part to another is in none of these numbers{far}",
    )
