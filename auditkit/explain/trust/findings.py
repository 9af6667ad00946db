"""From the raw numbers of a trial to T2–T12: pure functions of stored evidence, no torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.arrays import Floats, Ints
from auditkit.catalogue.trust import THRESHOLDS
from auditkit.evidence.observations import Observations
from auditkit.evidence.sums import Weights, weighted
from auditkit.explain.trust.records import FLOOR, checked, judged, suspected, unmeasured, weighed
from auditkit.explain.trust.set_sums import BEST, CHANGES, missed
from auditkit.explain.trust.single_sums import farthest
from auditkit.question import SPARSE
from auditkit.records import TrustCheck
from auditkit.stats.means import t_limits
from auditkit.stats.ranks import weighted_tau

NEGLIGIBLE = 0.01
"""Share of all that moves the score below which a feature's rank does not count."""
FEW = 6
"""Features fewer than these are compared by which lead, not by rank correlation."""
LEADING = 2
"""Features named in the statement."""
TIED = 0.1
"""Part by which a size may fall short of the smallest of the leading ones, so that which of them leads means little."""
PAIRS = (("mean", "median"), ("mean", "rows"), ("median", "rows"))
REPLICATES = 100
ROUGH = 0.95
"""Level of the intervals that decide T3, T6–T8 and T12, whatever the report's."""
TIMES, BESIDES = 2.0, 0.02
"""What T6 lets contributions miss: so often what the best additive account misses, and so much of all changes.

Between Integrated Gradients, DeepLIFT and Shapley values of trained nets, among them nets of nothing but interactions,
at most 2.0 times was seen; an effect of half the scores' spread moved between two columns makes it 1.8 to 4."""


def readings(trials: Observations) -> tuple[TrustCheck, ...]:
    """T2–T9 and T12, each once, in order; one that was not tried says why."""
    return tuple(_reading(trials, name, read) for name, read in _READERS.items())


def _reading(trials: Observations, name: str, read: Callable[[Observations], TrustCheck]) -> TrustCheck:
    why = trials.facts["not_tried"].get(name)
    if why is None and name in ("T6", "T7", "T12") and len(trials) < SPARSE:
        why = f"{len(trials)} rows, fewer than {SPARSE}, decide nothing"
    return read(trials) if why is None else unmeasured(name, why)


def refinement(trials: Observations) -> TrustCheck:
    """T2: 95th percentile of how far φ moves at twice the steps."""
    moved = trials.columns["T2"]
    return judged("T2", float(np.quantile(moved, 0.95)), f"{len(moved):,} rows, 95th percentile")


def baseline_sensitivity(trials: Observations) -> TrustCheck:
    """T3: the lowest agreement of the rankings from the mean, the median, and eight rows, with its interval.

    Limits from the standard error of 100 draws of rows, t. Where all rows start from the same eight, these are drawn
    too, and t has as many degrees of freedom as there are of them, less one.
    """
    names, w, starts = trials.facts["features"], trials.columns["weight"], trials.facts["T3:starts"]
    rng, n = np.random.default_rng(0), len(w)
    common = f"T3:row 0:{names[0]}" in trials.columns

    def by(start: str) -> Floats:
        return np.stack([trials.columns[f"T3:{start}:{name}"] for name in names], axis=1)

    from_mean, from_median = np.abs(by("mean")), np.abs(by("median"))
    from_rows = np.stack([by(f"row {k}") for k in range(starts)]) if common else by("rows")[None]

    def least(of_rows: Floats, of_starts: Floats) -> tuple[str, float]:
        share = of_rows * w / (of_rows @ w)
        several = np.tensordot(of_starts / of_starts.sum(), from_rows, 1)
        sizes = {"mean": share @ from_mean, "median": share @ from_median, "rows": share @ np.abs(several)}
        pairs = {f"{a} and {b}": _alike(sizes[a], sizes[b]) for a, b in PAIRS}
        worst = min(pairs, key=lambda p: pairs[p])
        return worst, pairs[worst]

    sizes = (n, len(from_rows))
    which, value = least(*(np.ones(m) for m in sizes))
    drawn = [least(*(rng.multinomial(m, np.full(m, 1 / m)).astype(float) for m in sizes))[1] for _ in range(REPLICATES)]
    error, worth = float(np.std(drawn, ddof=1)), n
    if common:
        error, worth = error * float(np.sqrt(starts / (starts - 1))), starts
    low, high = t_limits(value, error, effective_n=worth, level=ROUGH) if n > 1 else (-1.0, 1.0)
    low, high = max(-1.0, float(low)), min(1.0, float(high))
    note = (
        f"{n:,} rows; starting at the mean, the median, eight real rows{'' if common else ' of its own each'}; least "
        f"alike: {which.replace('rows', 'eight real rows')}; {_between(low, high)}"
    )
    return weighed("T3", value, low, high, note)


def _between(low: float, high: float) -> str:
    return f"95% interval {low:.2f} to {high:.2f}"


def _alike(a: Floats, b: Floats) -> float:
    """Weighted rank correlation of sizes, or the share of leading features in common where few count.

    >>> _alike(np.array([3.0, 2.0, 1.0]), np.array([3.0, 1.0, 2.0]))
    0.5
    >>> _alike(np.array([3.0, 2.0, 1.9]), np.array([3.0, 1.9, 2.0]))
    1.0
    """
    total_a, total_b = a.sum(), b.sum()
    if not total_a or not total_b:
        return 1.0 if total_a == total_b else 0.0
    counted = np.maximum(a / total_a, b / total_b) >= NEGLIGIBLE
    if counted.any():  # of very many features none may count alone: then all do
        a, b = a[counted], b[counted]
    if len(a) >= FEW:
        tau = weighted_tau(a, b)
        return tau if np.isfinite(tau) else 0.0
    k = min(LEADING, max(1, len(a) - 1))
    return (_lead_there(a, b, k) + _lead_there(b, a, k)) / 2


def _lead_there(a: Floats, b: Floats, k: int) -> float:
    """Share of the k features that lead in `a` which lead in `b` as well, or nearly."""
    leading = np.argsort(-a, kind="stable")[:k]
    least = np.sort(b)[-k]
    return float(np.mean(b[leading] >= (1 - TIED) * least))


def model_randomisation(trials: Observations) -> TrustCheck:
    """T4: mean Spearman correlation with re-initialised copies, without its sign.

    The limit is three standard errors of that mean under pure chance, where these exceed the table's.
    """
    d, copies = trials.facts["T4:entries"], trials.facts["T4:copies"]
    limit = max(THRESHOLDS["T4"].limit or 0.0, 3 / np.sqrt(copies * (d - 1)))
    note = f"{len(trials):,} rows; contributions ({d:,} a row) beside those of {copies} copies with new weights"
    return judged("T4", abs(float(trials.columns["T4"].mean())), note, limit=float(limit))


def max_sensitivity(trials: Observations) -> TrustCheck:
    """T5: mean over rows of the largest relative move of φ."""
    moved = sensitivity(trials)
    count = trials.facts["T5:moved"]
    kind = "measured" if trials.facts["T5:kind"] == "measured" else "whole-number"
    return judged(
        "T5",
        float(moved.mean()),
        f"{len(moved):,} rows, 10 draws each; {count:,} {kind} {'column' if count == 1 else 'columns'} moved",
    )


def sensitivity(trials: Observations) -> Floats:
    """T5 a row: ‖φ(x + δ) − φ(x)‖ / max(‖φ(x)‖, .01 mean ‖φ‖)."""
    size = trials.columns["T5:size"]
    scale = np.maximum(size, FLOOR * size.mean())
    moved = trials.columns["T5"]
    out: Floats = np.divide(moved, scale, out=(moved > 0).astype(float), where=scale > 0)
    return out


def infidelity(trials: Observations) -> TrustCheck:
    """T6: normalised infidelity of φ beside that of φ dealt to other features, and of the best additive account.

    Row by row: surely below the first, and not surely above twice the second and 2 % of all changes.
    """
    own, dealt, total = missed(trials.columns, "own"), missed(trials.columns, "dealt"), trials.columns[CHANGES].sum()
    n = len(own)
    if not total:
        return unmeasured("T6", "taking columns away changes no score")
    value, rows = float(own.sum() / total), f"{n:,} rows, 20 sets of columns each; the limit is "
    limit, gained = float(dealt.sum() / total), _lower(dealt - own) * n / total
    below = limit - gained  # the upper limit of the value beside that of mixed-up contributions
    mixed = checked("T6", value, gained > 0, rows + MIXED, limit=limit).model_copy(update={"high": _known(below)})
    if BEST not in trials.columns:
        return mixed
    best, changes = missed(trials.columns, "best"), trials.columns[CHANGES]
    bound, over = (
        float(TIMES * best.sum() / total) + BESIDES,
        _lower(own - TIMES * best - BESIDES * changes) * n / total,
    )
    near = suspected("T6", value, bound + over, rows + NEAREST, limit=bound)
    return mixed if not mixed.passed or (near.passed and limit <= bound) else near


MIXED = "that of the same contributions mixed up among the columns, and the value must surely be below it"
NEAREST = (
    "twice what the best additive account misses, and 2% of all changes, and the value must not surely be above it"
)


def _known(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


def deletion_and_insertion(trials: Observations) -> TrustCheck:
    """T7: how much larger the area is than with random orders, the worse of deletion and insertion."""
    lows, means = {}, {}
    for way in ("insertion", "deletion"):
        gains = gain(trials, way)
        means[way], lows[way] = float(gains.mean()), _lower(gains)
    worse = min(lows, key=lambda way: lows[way])
    filled = "; regions taken away are filled from their neighbours" if trials.facts["T7:imputed"] else ""
    note = (
        f"{len(trials):,} rows; better than 10 random orders by {means['insertion']:.2f} of the score difference "
        f"when columns are put in, {means['deletion']:.2f} when they are taken away; the value is the lower limit of "
        f"the worse{filled}"
    )
    return checked("T7", lows[worse], lows[worse] > 0, note)


def gain(trials: Observations, way: str) -> Floats:
    """T7 a row: area gained over random orders, in shares of the mean size of a score difference."""
    scale = np.abs(trials.columns["delta"]).mean()
    out: Floats = trials.columns[f"T7:{way}"] / scale if scale else np.zeros(len(trials))
    return out


def agreement(trials: Observations) -> TrustCheck:
    """T8: chance-corrected share of leading features in common, mean over rows and pairs of methods."""
    k = trials.facts["T8:k"]
    note = (
        f"{len(trials):,} rows; the {k} leading {'column' if k == 1 else 'columns'} by Integrated Gradients, Shapley "
        "values and input × gradient"
    )
    values = trials.columns["T8"]
    n, value = len(values), float(values.mean())
    low, high = (
        (-1.0, 1.0)
        if n < 2
        else map(float, t_limits(value, values.std(ddof=1) / np.sqrt(n), effective_n=n, level=ROUGH))
    )
    return weighed("T8", value, low, high, f"{note}; {_between(low, high)}")


def known_answers(trials: Observations) -> TrustCheck:
    """T9: 95th percentile of what φ misses of a planted effect, relative to the mean size of that effect."""
    c = trials.columns
    scale = float(c["T9:scale"].mean())
    if not scale:
        return unmeasured("T9", "the planted effects are 0 on these rows")
    limit = max(THRESHOLDS["T9"].limit or 0.0, float(c["T9:rounding"].max()) / scale)
    what = "effects must not leak to other columns" if trials.facts["T9:elsewhere"] else "effects must be found exactly"
    note = f"{len(trials):,} rows; {what}; an unused column must get nothing"
    return judged("T9", float(np.quantile(c["T9:error"], 0.95)) / scale, note, limit=limit)


def single_columns(trials: Observations) -> TrustCheck:
    """T12: how far the contributions of a column are from what it does, in shares of the room; the worst column.

    Failed where a column is surely above the limit (`single_sums.farthest`), not sure where one is above otherwise.
    """
    limit = THRESHOLDS["T12"].limit or 0.0
    found = farthest(trials.columns, trials.facts["features"], limit, level=ROUGH)
    if not np.isfinite(found.ratio):
        return unmeasured("T12", "no score differs between the rows")
    note = (
        f"{len(trials):,} rows; the farthest is {found.name}; the value is in shares of what columns do together, and "
        "must not surely be above the limit"
    )
    return suspected("T12", found.ratio, found.low, note)


def _lower(values: Floats) -> float:
    """One-sided lower limit of the mean of two values or more (t)."""
    n = len(values)
    error = values.std(ddof=1) / np.sqrt(n)
    return float(t_limits(values.mean(), error, effective_n=n, level=2 * ROUGH - 1).low)


_READERS: dict[str, Callable[[Observations], TrustCheck]] = {
    "T2": refinement,
    "T3": baseline_sensitivity,
    "T4": model_randomisation,
    "T5": max_sensitivity,
    "T6": infidelity,
    "T7": deletion_and_insertion,
    "T8": agreement,
    "T9": known_answers,
    "T12": single_columns,
}

TAILS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.16, 0.25, 0.5)
"""Below and above which quantiles of replicates are kept: limits at 99.9, 99.8, 99.5, 99, 98, 95, 90, 80, 68 and 50 %
are those of the replicates, others lie between two of them."""


class Ranking(NamedTuple):
    """T10: what a bootstrap of the rows says of the mean sizes of d features."""

    low: Floats
    high: Floats
    leads: Floats
    """(d,) P(the feature is among the `k` largest)."""
    k: int

    @classmethod
    def at(cls, kept: dict[str, Any], level: float) -> Ranking:
        """At a level, from what `ranked` kept."""
        tail = (1 - level) / 2
        low, high = (np.array([np.interp(tail, TAILS, line) for line in kept[side]]) for side in ("below", "above"))
        return cls(low, high, np.array(kept["leads"]), kept["k"])


@lru_cache(maxsize=1)
def _resampled(n: int, replicates: int) -> Ints:
    """(replicates, n) how often each of n rows is drawn: of every class the same, and dear."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=replicates)


def ranked(sizes: Floats, weight: ArrayLike | Weights, *, k: int = LEADING, replicates: int = 1000) -> dict[str, Any]:
    """Of 1,000 bootstrap replicates (seed 0) of mean `sizes` (N, d), weighted: quantiles, and who leads how often.

    Replicates themselves are not kept: that many sums of the same rows, drawn by a known seed, would give the rows.
    """
    n, d = sizes.shape
    k = min(k, d)
    weights = weighted(weight, n)
    w = weights.weight
    if weights.squares is None:
        counts = _resampled(n, replicates) * w
    else:  # as many draws of rows as the mean is worth
        worth = max(1, round(w.sum() ** 2 / weights.squares.sum()))
        counts = np.random.default_rng(0).multinomial(worth, w / w.sum(), size=replicates).astype(np.float64)
    means = counts @ sizes / counts.sum(1, keepdims=True)
    below, above = np.quantile(means, TAILS, axis=0), np.quantile(means, [1 - t for t in TAILS], axis=0)
    top = np.argsort(-means, axis=1, kind="stable")[:, :k]
    leads = np.bincount(top.ravel(), minlength=d) / replicates
    return {"below": below.T.tolist(), "above": above.T.tolist(), "leads": leads.tolist(), "k": k}
