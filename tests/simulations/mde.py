"""What could have been seen: a planted gap as large as the smallest that is said to be detectable is found mostly.

`found` are the draws in which a gap of just that size is established, `found a third` those of a third of it. The size
is the mean of what 200 draws without a gap say, planted in the direction in which it is harder to see.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.tally import Tally
from auditkit.fairness.groups.check import answering as of_tally
from auditkit.fairness.groups.regression import family_from
from auditkit.fairness.scores.check import answering as of_scores
from auditkit.question import Question
from auditkit.records import Estimate
from tests.simulations.setting import Outcome, Setting
from tests.simulations.skew import moments_of

Audit = Callable[[np.random.Generator, float], Estimate]
"""(generator, planted gap) → the estimate of the gap between two groups."""
LEARNT = 200
"""Draws without a gap from which the size is learnt."""
BOUNDS = {"found": (0.7, 1.0), "found a third": (0.0, 0.35), "below the limit": (0.0, 0.0)}


def planted(name: str, audit: Audit, **bounds: tuple[float, float]) -> Setting:
    """An audit of data with a gap that can be planted."""
    learnt: list[float] = []

    def once(rng: np.random.Generator) -> Outcome:
        if not learnt:
            own = np.random.default_rng(5)
            learnt.append(float(np.mean([audit(own, 0.0).mde or np.nan for _ in range(LEARNT)])))
        whole, third = audit(rng, learnt[0]), audit(rng, learnt[0] / 3)
        none = audit(rng, 0.0)
        sized = none.unseen is not None and none.high is not None
        return {
            "found": (whole.low or 0.0) > 0,
            "found a third": (third.low or 0.0) > 0,
            "below the limit": sized and (none.unseen or 0.0) < (none.high or 0.0),
        }

    return Setting(f"mde: {name}", once, bounds={**BOUNDS, **bounds})


def _rates(p: float, n: tuple[int, int]) -> Audit:
    def audit(rng: np.random.Generator, gap: float) -> Estimate:
        sex = np.repeat(["f", "m"], n)
        y = (rng.random(sum(n)) < np.where(sex == "f", p + gap, p)).astype(int)
        return _of(
            of_tally(Tally.of({"sex": sex}, y_true=y, y_pred=y), Question("selection_rate", "difference", ("sex",)))
        )

    return audit


def _of(found: object) -> Estimate:
    assert found is not None
    estimate: Estimate = found.finding("difference").estimate  # type: ignore[attr-defined]
    return estimate


def _balanced(n: tuple[int, int]) -> Audit:
    """Balanced accuracy .8 in both groups, lower by the gap in the small one."""

    def audit(rng: np.random.Generator, gap: float) -> Estimate:
        sex, y = np.repeat(["f", "m"], n), rng.integers(0, 2, sum(n))
        right = rng.random(sum(n)) < np.where(sex == "f", 0.8 - gap, 0.8)
        tally = Tally.of({"sex": sex}, y_true=y, y_pred=np.where(right, y, 1 - y))
        return _of(of_tally(tally, Question("balanced_accuracy", "difference", ("sex",))))

    return audit


def _auc(area: float, n: tuple[int, int]) -> Audit:
    """Half of each group positive, scores normal on the logit, the area lower by the gap in the small group."""
    from scipy.special import expit, ndtri

    def audit(rng: np.random.Generator, gap: float) -> Estimate:
        sex, y = np.repeat(["f", "m"], n), np.arange(sum(n)) % 2
        apart = 2**0.5 * ndtri(np.where(sex == "f", max(area - gap, 0.01), area))
        score = expit(rng.normal(size=sum(n)) + apart * y)
        histogram = ScoreHistogram.of({"sex": sex}, y_true=y, y_pred=(score > 0.5).astype(int), score=score)
        return _of(of_scores(histogram, Question("roc_auc", "difference", ("sex",))))

    return audit


def _constant(n: tuple[int, int]) -> Audit:
    """The same score for everybody, which has the least variance, and yet cannot see every gap: the planted one is made
    by scores that part some of the small group, and is found more easily than Newcombe's interval expects."""

    def audit(rng: np.random.Generator, gap: float) -> Estimate:
        sex, y = np.repeat(["f", "m"], n), np.arange(sum(n)) % 2
        told = (sex == "f") & (rng.random(sum(n)) < 2 * gap)  # of these the score is the truth: the area is ½ + gap
        score = np.where(told, np.where(y == 1, 0.9, 0.1), 0.5)
        histogram = ScoreHistogram.of({"sex": sex}, y_true=y, y_pred=np.ones(sum(n), int), score=score)
        return _of(of_scores(histogram, Question("roc_auc", "difference", ("sex",))))

    return audit


def _means(law: str, n: tuple[int, int]) -> Audit:
    def audit(rng: np.random.Generator, gap: float) -> Estimate:
        draw = rng.normal if law == "normal" else rng.exponential
        few, many = (draw(size=k) for k in n)
        family = family_from(moments_of([few - gap, many]), "signed_error", ("g",), level=0.95)
        return family.comparison("difference")[0]

    return audit


SETTINGS = (
    planted("selection rate .3, 100 and 1,000 rows", _rates(0.3, (100, 1_000))),
    planted("selection rate .05, 100 and 1,000 rows", _rates(0.05, (100, 1_000))),
    planted("balanced accuracy, 100 and 1,000 rows", _balanced((100, 1_000))),
    planted("AUC .8, 100 and 600 rows", _auc(0.8, (100, 600))),
    planted("AUC .95, 40 and 600 rows", _auc(0.95, (40, 600)), **{"found a third": (0.0, 0.5)}),
    planted("a constant score, 100 and 600 rows", _constant((100, 600)), **{"found a third": (0.0, 1.0)}),
    planted("signed error, normal, 30 and 1,000 rows", _means("normal", (30, 1_000))),
    planted("signed error, exponential, 100 and 1,000 rows", _means("exponential", (100, 1_000))),
)
