"""Net benefit, and what bears on it, by group: several prevalences, thresholds and sizes; weights and clusters.

Scores are risks, or risks that a group's score misses by a constant of the logit. The truth is that of the population,
by a million draws. `covers` is each interval as it is printed; `false gap` that a gap is asserted where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from scipy.special import expit

from auditkit.catalogue.clinical import ABOVE, BENEFITS, MISSES, NEAR, SENSITIVITY, SPREAD, metric_of
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.numbers import NumberSums
from auditkit.evidence.tally import Tally
from auditkit.evidence.thresholds import near
from auditkit.fairness.clinical.benefit import BenefitFamily, form_of
from auditkit.fairness.clinical.calibration import misses
from auditkit.fairness.clinical.operating import readings
from auditkit.fairness.families.family import GroupFamily
from auditkit.records import Estimate
from tests.simulations.setting import Outcome, Setting

_MANY = np.random.default_rng(1).normal(size=1_000_000)


class Group:
    """Patients whose risk is expit(level + spread z), and whose score is expit(level + spread z − off)."""

    def __init__(self, n: int, level: float, spread: float = 1.2, off: float = 0.0) -> None:
        self.n, self.level, self.spread, self.off = n, level, spread, off

    def drawn(self, rng: np.random.Generator, own: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Truth and score; `own` are z of clusters."""
        z = rng.normal(size=self.n) if own is None else own
        logit = self.level + self.spread * z
        return (rng.random(len(z)) < expit(logit)).astype(int), expit(logit - self.off)

    @cache  # noqa: B019 - a few groups, kept for good
    def truth(self, name: str, at: float) -> float:
        """Of the population."""
        logit = self.level + self.spread * _MANY
        p, s = expit(logit), expit(logit - self.off)
        if name == SENSITIVITY:
            order = np.argsort(s)
            spared = np.cumsum((1 - p)[order]) / (1 - p).sum()
            cut = s[order][np.searchsorted(spared, at)]
            return float(p[s > cut].sum() / p.sum())
        w, on = at / (1 - at), s >= at
        if name in MISSES:
            odds = s / (1 - s) / w
            kept = on if name == ABOVE else (odds >= 0.5) & (odds <= 2)
            return float((p - s)[kept].mean())
        benefit = float((p * on - (1 - p) * on * w).mean())
        return {
            "net_benefit": benefit,
            "net_benefit_over_all": benefit - float((p - (1 - p) * w).mean()),
            "standardized_net_benefit": benefit / float(p.mean()),
        }[name]


def _holds(e: Estimate, truth: float) -> bool | None:
    return None if e.low is None or e.high is None or e.state != "ok" else e.low <= truth <= e.high


def _families(what: str, at: float, rows: dict[str, Any], given: dict[str, Any]) -> dict[str, GroupFamily]:
    """Metric → its family of the groups, from the parts of the evidence that it needs."""
    g, y, s = {"g": rows["g"]}, np.array(rows["y"]), np.array(rows["s"])
    if what == "benefit" and not given:  # counted here: a tally takes longer than all else
        groups, code = np.unique(rows["g"], return_inverse=True)
        tables = np.bincount(4 * code + 2 * y + (s >= at), minlength=4 * len(groups)).reshape(-1, 2, 2)
        told = (("g",), tuple((str(x),) for x in groups), tables, 0.95)
        return {m: BenefitFamily(metric_of(m, at), form_of(m, at), *told) for m in BENEFITS}
    if what == "benefit":
        tally = Tally.of(g, y_true=y, y_pred=(s >= at).astype(int), **given)
        return {m: BenefitFamily.of(tally, m, at, ("g",), level=0.95) for m in BENEFITS}
    if what == "sensitivity":
        histogram = ScoreHistogram.of(g, y_true=y, y_pred=(s >= 0.5).astype(int), score=s)
        return {SENSITIVITY: readings(histogram, ("g",), at, level=0.95)}
    kept = {ABOVE: s >= at, NEAR: near(s, at, SPREAD)}
    sums = {m: NumberSums.of(g, values=np.where(on, y - s, np.nan), **given) for m, on in kept.items()}
    return {m: misses(x, m, at, ("g",), level=0.95) for m, x in sums.items()}


def clinic(
    what: str,
    name: str,
    groups: Mapping[str, Group],
    *,
    at: float = 0.1,
    weighted: bool = False,
    cluster: int = 0,
    replications: int = 600,
) -> Setting:
    """Groups of patients; `cluster`: so many patients a hospital, who share most of their risk."""

    def once(rng: np.random.Generator) -> Outcome:
        rows: dict[str, Any] = {"y": [], "s": [], "g": []}
        w, c = [], []
        for i, (label, group) in enumerate(groups.items()):
            own = None
            if cluster:
                hospitals = group.n // cluster
                shared = np.repeat(rng.normal(size=hospitals), cluster)
                own = np.sqrt(0.3) * shared + np.sqrt(0.7) * rng.normal(size=hospitals * cluster)
                c += [*(10_000 * i + np.repeat(np.arange(hospitals), cluster))]
            truth, score = group.drawn(rng, own)
            for key, values in (("y", truth), ("s", score), ("g", [label] * len(truth))):
                rows[key] += [*values]
            w += [*rng.lognormal(0, 0.6, len(truth))]
        given = {"sample_weight": np.array(w)} if weighted else {"cluster": np.array(c)} if cluster else {}
        out: dict[str, bool | None] = {}
        for metric, family in _families(what, at, rows, given).items():
            truths = [group.truth(metric, at) for group in groups.values()]
            found = family.measured("difference")[0]
            out[f"covers gap, {metric}"] = _holds(found, max(truths) - min(truths))
            out[f"covers {metric}"] = _holds(family.estimate(0), truths[0])
            if max(truths) == min(truths):
                out[f"false gap, {metric}"] = None if found.low is None or found.state != "ok" else found.low > 0
        return out

    return Setting(f"net-benefit: {name}", once, replications=replications)


def _same(n: tuple[int, ...], level: float, spread: float = 1.2) -> dict[str, Group]:
    names = ("a", "b", "c", "d")
    one = Group(n[0], level, spread)
    groups = {}
    for name, size in zip(names, n, strict=False):
        groups[name] = one if size == n[0] else _Like(size, one)
    return groups


class _Like(Group):
    """The same population, another size."""

    def __init__(self, n: int, other: Group) -> None:
        super().__init__(n, other.level, other.spread, other.off)
        self.other = other

    def truth(self, name: str, at: float) -> float:  # type: ignore[override]
        return self.other.truth(name, at)


SETTINGS = (
    clinic("benefit", "equal, 250 each, 20 % events", _same((250, 250), -1.7)),
    clinic("benefit", "equal, 1,000 each, 5 % events, t = .05", _same((1000, 1000), -3.5), at=0.05),
    clinic("benefit", "equal, 120 and 800, 30 % events, t = .2", _same((120, 800), -1.0), at=0.2, replications=2_000),
    clinic("benefit", "three equal, 300 each, 15 % events", _same((300, 300, 300), -2.1), replications=1_000),
    clinic("benefit", "one group's scores too low by 1", {"a": Group(400, -2.0, off=1.0), "b": Group(400, -2.0)}),
    clinic("benefit", "two prevalences, right scores", {"a": Group(500, -3.0), "b": Group(500, -1.0)}),
    clinic("benefit", "equal, weighted, 400 each", _same((400, 400), -1.7), weighted=True),
    clinic("benefit", "equal, 40 hospitals of 15 each", _same((600, 600), -1.7), cluster=15),
    clinic("misses", "calibration, equal, 250 and 500", _same((250, 500), -1.7)),
    clinic("misses", "calibration, scores too low by 1", {"a": Group(400, -2.0, off=1.0), "b": Group(400, -2.0)}),
    clinic("sensitivity", "sensitivity, equal, 250 each", _same((250, 250), -1.7), at=0.9),
    clinic("sensitivity", "sensitivity, 300 and 800, it differs",
           {"a": Group(300, -1.5, 0.8), "b": Group(800, -1.5, 1.8)}, at=0.8),
)  # fmt: skip
