"""What thresholds by group cost and leave, judged on the half of the rows that did not choose them; what the same
numbers say of the rows that did is told beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import norm

from auditkit.disclosure import Disclosure
from auditkit.evidence.histogram import Bins, ScoreHistogram
from auditkit.evidence.score_grid import BINS, EDGES, LEAST, bin_of
from auditkit.fairness.scores.heldout import Halves
from auditkit.fairness.scores.mitigation import Fit, Found, Judged, enough
from auditkit.fairness.scores.remedies import frontier
from auditkit.fairness.scores.thresholds import Constraint, GroupRule, Reach
from tests.simulations.setting import Outcome, Setting

Floats = NDArray[np.float64]
RATE = {"demographic_parity": "selection_rate", "equal_opportunity": "true_positive_rate"}
NOW = (LEAST >= 0.5).astype(float)
"""Who is selected now."""


class Law(NamedTuple):
    """K groups: shares of the rows, and of each the chances of a truth and a score bin, (K,) and (K, 2, BINS)."""

    share: Floats
    chance: Floats

    def draw(self, rng: np.random.Generator, rows: int) -> Found:
        """Rows, counted."""
        counts = rng.multinomial(rows, (self.share[:, None, None] * self.chance).ravel()).reshape(self.chance.shape)
        none = np.zeros((2, BINS))
        return [((f"{i}",), Bins(n, n * (NOW == 1), none, none, none, none)) for i, n in enumerate(counts)]

    def of(self, fit: Fit) -> tuple[float, dict[str, Floats]]:
        """Accuracy that new rows lose, and each group's rates among them."""
        common = GroupRule(fit.common, fit.common)
        p = np.array([fit.rules.get((f"{i}",), common).probability(LEAST) for i in range(len(self.share))])
        then = np.einsum("ktb,kb->kt", self.chance, p)
        now = self.chance @ NOW
        lost = (now[:, 1] - now[:, 0]) - (then[:, 1] - then[:, 0])
        positives = self.chance[:, 1].sum(axis=1)
        return float(self.share @ lost), {
            "selection_rate": then.sum(axis=1),
            "true_positive_rate": then[:, 1] / positives,
        }


def normal_scores(share: Sequence[float], rate: Sequence[float], shift: Sequence[float], apart: float = 1.5) -> Law:
    """Log-odds of scores are normal, `apart` between truths; `rate` of positives and `shift` group by group."""
    edges = logit(EDGES)
    chance = [
        [
            share_ * np.diff(norm.cdf(edges, s + sign * apart / 2), prepend=0.0, append=1.0)
            for share_, sign in ((1 - r, -1), (r, 1))
        ]
        for r, s in zip(rate, shift, strict=True)
    ]
    return Law(np.array(share), np.array(chance))


def few_scores(levels: int) -> Law:
    """Two groups with the same few scores, right of their rows."""
    score = (np.arange(levels) + 0.5) / levels
    chance = np.zeros((2, 2, BINS))
    for k, w in enumerate((np.ones(levels), np.arange(levels) + 1.0)):
        for truth, p in enumerate((1 - score, score)):
            chance[k, truth, bin_of(score)] = w / w.sum() * p
    return Law(np.array([0.6, 0.4]), chance)


def told(law: Law, found: Found, constraint: Constraint, at_most: float = 0.0) -> Outcome:
    """Whether intervals hold what new rows would show of the rules that were judged, and of those of all rows."""
    halves = Halves.of(found)
    fits = [Fit.of(part, halves.own, constraint, at_most) for part in halves.parts]
    return compared(law, found, halves, fits, Fit.of(found, halves.own, constraint, at_most), RATE[constraint])


def compared(law: Law, found: Found, halves: Halves, fits: list[Fit], of_all: Fit, rate: str) -> Outcome:
    """See `told`."""
    held = halves.judged(fits)
    rows = [sum(o.rows for o in fold.outcomes) for fold in held.folds]
    own = [i for i in range(len(law.share)) if (f"{i}",) in halves.own]
    truths = [law.of(fit) for fit in fits]
    cost = float(np.average([lost for lost, _ in truths], weights=rows))
    price, gap = held.price(0.95), held.gap(rate, 0.95)
    own_cost, own_rates = law.of(of_all)
    n, of_same = sum(rows), Judged.of(found, of_all, halves.own)
    in_sample = of_same.lost / n
    error = ((of_same.squares / n - in_sample**2) / n) ** 0.5
    assert price.value is not None
    assert price.low is not None
    assert price.high is not None
    out: dict[str, bool | None] = {
        "covers cost": price.low <= cost <= price.high,
        "covers cost of all rows' rules": price.low <= own_cost <= price.high,
        "flatters cost, held out": price.value < cost,
        "flatters cost, in-sample": in_sample < own_cost,
        "in-sample interval holds cost": abs(in_sample - own_cost) <= 1.96 * error,
        "covers gap": None,
    }
    if len(own) > 1 and gap.value is not None and gap.low is not None and gap.high is not None:
        gaps = [float(np.ptp(rates[rate][own])) for _, rates in truths]
        true = float(np.mean(gaps))
        out |= {
            "covers gap": gap.low <= true <= gap.high,
            "covers gap of all rows' rules": gap.low <= float(np.ptp(own_rates[rate][own])) <= gap.high,
            "flatters gap, held out": gap.value < true,
        }
    return out


def setting(name: str, law: Law, rows: int, constraint: Constraint = "demographic_parity") -> Setting:
    """Rows are drawn, halved and judged."""

    def once(rng: np.random.Generator) -> Outcome:
        return told(law, law.draw(rng, rows), constraint)

    return Setting(f"remedies: {name}, {rows} rows, {constraint.replace('_', ' ')}", once)


def knee(name: str, law: Law, rows: int) -> Setting:
    """The gap that is allowed is the knee of the frontier of all rows."""

    def once(rng: np.random.Generator) -> Outcome:
        found = law.draw(rng, rows)
        curve = frontier([Reach.of(b) for _, b in found if enough(b)])
        return told(law, found, "demographic_parity", 0.0 if curve.knee is None else float(curve.gap[curve.knee]))

    return Setting(f"remedies: {name}, {rows} rows, knee", once)


def merged(name: str, law: Law, rows: int, crossed: int = 1) -> Setting:
    """Bins that five people share, as a stored report has them; of another attribute's groups each has its own."""

    def once(rng: np.random.Generator) -> Outcome:
        cells = np.array([b.n for _, b in law.draw(rng, rows)])
        group, truth, at = (np.repeat(i, cells.ravel()) for i in np.indices(cells.shape).reshape(3, -1))
        score = (LEAST[at] + np.append(LEAST, 1.0)[at + 1]) / 2
        by = {"g": group.astype(str), "h": rng.integers(0, crossed, len(at)).astype(str)}
        h = ScoreHistogram.of(by, y_true=truth, y_pred=NOW[at].astype(int), score=score)
        return told(law, list(h.reduced(Disclosure()).groups("g")), "demographic_parity")

    return Setting(f"remedies: {name}, {rows} rows, merged{', crossed' if crossed > 1 else ''}", once)


TWO = normal_scores((0.5, 0.5), (0.5, 0.5), (0, 0))
MINORITY = normal_scores((0.85, 0.15), (0.3, 0.3), (-0.5, -0.5))
UNEQUAL = normal_scores((0.7, 0.3), (0.5, 0.2), (0, -0.9))
FOUR = normal_scores((0.5, 0.25, 0.15, 0.1), (0.4,) * 4, (0,) * 4)
FOUR_UNEQUAL = normal_scores((0.5, 0.25, 0.15, 0.1), (0.5, 0.4, 0.3, 0.2), (0, -0.3, -0.6, -0.9))
SETTINGS = (
    *(setting("two fair groups", TWO, n) for n in (300, 5_000)),
    *(setting("fair minority", MINORITY, n) for n in (300, 1_000, 5_000)),
    *(setting("two unequal groups", UNEQUAL, n) for n in (300, 1_000)),
    setting("four fair groups", FOUR, 500),
    *(setting("four unequal groups", FOUR_UNEQUAL, n) for n in (500, 5_000)),
    *(setting("two fair groups", TWO, n, "equal_opportunity") for n in (300, 5_000)),
    setting("fair minority", MINORITY, 1_000, "equal_opportunity"),
    setting("four unequal groups", FOUR_UNEQUAL, 1_000, "equal_opportunity"),
    setting("five scores", few_scores(5), 1_000),
    setting("five scores", few_scores(5), 300, "equal_opportunity"),
    knee("two unequal groups", UNEQUAL, 1_000),
    merged("two unequal groups", UNEQUAL, 500),
    merged("two unequal groups", UNEQUAL, 500, 4),
)
