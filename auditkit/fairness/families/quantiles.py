"""Bootstrap quantiles of differences and ratios: what other tools report, beside the intervals that hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from auditkit.catalogue.index import METRICS
from auditkit.errors import PolicyError
from auditkit.evidence.bootstrap import Bootstrap
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.rates import COMPARED, cells_of, compared
from auditkit.formatting import points, quotient
from auditkit.question import SPARSE
from auditkit.records import Comparison, Finding, NotMeasured
from auditkit.stats.rates import Floats

NOT_AN_INTERVAL = (
    "they are no confidence interval: the largest of several differences is biased upward, and without any disparity "
    "its percentile interval does not hold the true gap of 0"
)


MOST_REPLICATES = 100_000


def checked_quantiles(n_boot: int | None, ci_quantiles: Sequence[float]) -> tuple[float, ...]:
    """The quantiles; PolicyError unless they lie in [0, 1] and `n_boot` is None or from 1 to 100,000.

    >>> checked_quantiles(1000, [0.025, 0.975])
    (0.025, 0.975)
    """
    if n_boot is not None and n_boot < 1:
        raise PolicyError(f"n_boot must be a whole number of at least 1, got {n_boot!r}")
    if n_boot is not None and n_boot > MOST_REPLICATES:
        raise PolicyError(f"n_boot must be at most {MOST_REPLICATES:,}, got {n_boot:,}: quantiles need no more")
    quantiles = tuple(float(q) for q in ci_quantiles)
    if not quantiles or not all(0 <= q <= 1 for q in quantiles):
        raise PolicyError(f"ci_quantiles must be numbers between 0 and 1, got {list(ci_quantiles)!r}")
    return quantiles


def with_quantiles(
    findings: Iterable[Finding], tally: Tally, *, n_boot: int, ci_quantiles: Sequence[float], random_state: int
) -> tuple[tuple[Finding, ...], tuple[NotMeasured, ...]]:
    """The findings, differences and ratios of rates with a note of their bootstrap quantiles; and why there are none.

    Replicates are of all rows, and a rate is of those that have what it needs, over the groups that the finding
    compares.
    """
    findings = tuple(findings)
    why = "" if len(tally.cells) else "there are no rows"
    if tally.dependent:
        why = "drawing cells is drawing rows only where rows are independent and count alike"
    if why:
        return findings, (NotMeasured(what="bootstrap quantiles", why=why),)
    boot = Bootstrap.of(tally, n_boot, random_state)
    drawn: dict[tuple[str, tuple[str, ...]], tuple[Floats, Floats]] = {}
    out = []
    for f in findings:
        if f.comparison not in COMPARED or METRICS[f.metric].kind != "rate" or f.estimate.value is None:
            out.append(f)
            continue
        if (f.metric, f.by) not in drawn:
            drawn[f.metric, f.by] = _counts(boot, f.metric, f.by)
        values = compared(*drawn[f.metric, f.by], f.comparison)
        out.append(f.model_copy(update={"notes": (*f.notes, _note(values, f.comparison, ci_quantiles))}))
    return tuple(out), ()


def _counts(boot: Bootstrap, metric: str, by: tuple[str, ...]) -> tuple[Floats, Floats]:
    """(B, K) numerators and denominators of the groups that comparisons use."""
    m = METRICS[metric]
    kept = cells_of(boot.tally.counts(*by).table, m.denominator) >= SPARSE
    return boot.count(m.numerator, *by)[:, kept].astype(float), boot.count(m.denominator, *by)[:, kept].astype(float)


def _note(values: Floats, kind: Comparison, quantiles: Sequence[float]) -> str:
    defined = values[~np.isnan(values)]
    if not len(defined):
        return f"bootstrap: undefined in all of {len(values):,} replicates"
    words = points if kind.startswith("difference") else quotient
    unit = " points" if kind.startswith("difference") else ""
    at = [float(v) for v in np.quantile(defined, quantiles)]
    found = ", ".join(f"{words(v)}{unit} ({q:g})" for q, v in zip(quantiles, at, strict=True))
    lost = len(values) - len(defined)
    undefined = f", {lost:,} of them undefined" if lost else ""
    return f"bootstrap, {len(values):,} replicates{undefined}: quantiles {found}; {NOT_AN_INTERVAL}"
