"""Generation: shares of what is drawn, told by a judge that errs and corrected by a labelled sample of it.

The truth is the share that the model draws, of each value for each prompt; the labelled sample holds as many rows of
each truth as stand in `labelled`, or clusters of them in which the judge errs more, or less, together. `covers share`
is the interval of single shares as it is printed, `covers difference` that of the largest gap to the reference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from auditkit.evidence.classes import ClassTally
from auditkit.fairness.groups.generated import Asked
from auditkit.stats.rates import critical_value
from tests.simulations.setting import Outcome, Setting

Z = critical_value(0.95)


def two(sensitivity: float, specificity: float) -> NDArray[np.float64]:
    """(2 words, 2 truths)."""
    return np.array([[sensitivity, 1 - specificity], [1 - sensitivity, specificity]])


def several(values: int, right: float) -> NDArray[np.float64]:
    """(K, K) of a judge that is right so often, and names the neighbour of a value most often else."""
    far = np.abs(np.subtract.outer(np.arange(values), np.arange(values)))
    off = np.where(far == 0, 0.0, 1.0 / np.maximum(far, 1) ** 2)
    return np.asarray(right * np.eye(values) + (1 - right) * off / off.sum(axis=0))


def drawn(
    what: str,
    shares: Sequence[Sequence[float]],
    judge: NDArray[np.float64],
    samples: int,
    labelled: Sequence[int],
    *,
    unconditioned: bool = False,
    clusters: int = 0,
    spread: float = 0.0,
    replications: int = 1_000,
) -> Setting:
    """Prompts with these shares (P, K), so many samples each; the first is the reference where `unconditioned`.

    With `clusters` each has so many labelled rows of each truth, and, of two values, errors of its own (logit-normal).
    """
    truth = np.array(shares)
    k = truth.shape[1]
    names, values = [f"p{i}" for i in range(len(truth))], [f"v{i}" for i in range(k)]
    reference = truth[0] if unconditioned else np.full(k, 1 / k)
    gap = float(np.abs(truth - reference).max())

    def seen(rng: np.random.Generator) -> NDArray[np.int64]:
        if not clusters:
            return np.stack([rng.multinomial(m, judge[:, t]) for t, m in enumerate(labelled)])[None]
        out = np.zeros((clusters, 2, 2), dtype=np.int64)
        for t, m in enumerate(labelled):
            right = expit(logit(judge[t, t]) + rng.normal(0, spread, clusters))
            out[:, t, t] = rng.binomial(m, right)
            out[:, t, 1 - t] = m - out[:, t, t]
        return out

    if clusters:  # the judge's mean over the clusters, which the shares are corrected by
        mean = expit(logit(np.diag(judge))[:, None] + spread * np.random.default_rng(0).normal(size=(2, 100_000))).mean(
            1
        )
        words_of = two(*mean.tolist())
    else:
        words_of = judge

    def once(rng: np.random.Generator) -> Outcome:
        words = np.stack([rng.multinomial(samples, words_of @ p) for p in truth])
        each, told = (x.ravel() for x in np.meshgrid(np.arange(len(truth)), np.arange(k), indexing="ij"))
        prompt, said = np.repeat(each, words.ravel()), np.repeat(told, words.ravel())
        tally = ClassTally.of({"prompt": np.array(names)[prompt]}, values, y_true=np.full(len(said), -1), y_pred=said)
        counts = seen(rng)
        judged = {"counts": counts.tolist(), "clusters": [f"c{i}" for i in range(clusters)]}
        asked = Asked.of(
            tally,
            0.95,
            judged=judged,
            unconditioned=names[0],
            reference="unconditioned" if unconditioned else "uniform",
        )
        family = asked.against(("prompt",))
        e, _ = family.estimate("difference")
        if e.value is None or e.low is None or e.high is None:
            return {"not sure of the judge": True}
        own = truth[1:] if unconditioned else truth
        limits = family.shares.limits(Z)
        holds = (limits.low <= own) & (own <= limits.high)
        out: dict[str, bool | None] = {"not sure of the judge": False}
        out |= {f"covers share {i} {v}": bool(holds[i, v]) for i in range(min(2, len(own))) for v in range(k)}
        out["covers difference"] = e.low <= gap <= e.high
        out["false gap" if gap == 0 else "shows the gap"] = e.low > 0
        return out

    return Setting(f"generated: {what}", once, replications=replications)


EVEN = [[0.5, 0.5]] * 4
SETTINGS = (
    drawn("equal, a judge of .9 and .85, 200 labelled", EVEN, two(0.9, 0.85), 100, (100, 100)),
    drawn("equal, a judge of .7 and .75, 400 labelled", EVEN, two(0.7, 0.75), 150, (150, 250)),
    drawn("equal, a judge of .65 and .6, 160 labelled", EVEN, two(0.65, 0.6), 150, (80, 80)),
    drawn("stereotypes, 40 samples, 60 labelled", [[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]], two(0.9, 0.9), 40, (30, 30)),
    drawn("near the border, 60 samples", [[0.0, 1.0], [0.02, 0.98], [0.5, 0.5]], two(0.95, 0.9), 60, (50, 100)),
    drawn("three values, equal", [[1 / 3] * 3] * 3, several(3, 0.8), 120, (60, 60, 60)),
    drawn("four values, a stereotype", [[0.7, 0.2, 0.1, 0.0], [0.25] * 4], several(4, 0.75), 150, (80, 60, 40, 40)),
    drawn("as when nobody is named", [[0.3, 0.7]] * 4, two(0.85, 0.8), 120, (100, 100), unconditioned=True),
    drawn("20 clusters in which the judge errs alike", EVEN, two(0.85, 0.8), 120, (8, 8), clusters=20, spread=0.7),
)
