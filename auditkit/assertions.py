"""Which findings assert: a report makes many statements, and those that it asserts share one error.

Each finding that says that there is something (a gap, a miscalibration, a proxy) is a test, and an interval at 95 %
excludes what is not there in one test of twenty. Intervals stay at their level; a statement *asserts* only where Holm's
procedure over all tests of the report rejects. What an interval excludes and Holm does not "stands out alone"; so does
what is blind to the rows' weights or clusters (`Finding.aside`), which is no test of the family.
"""

import math
from typing import NamedTuple

from auditkit import holm
from auditkit.catalogue.index import METRICS
from auditkit.records import ALONE, Estimate, Finding, Report


def level_of(report: Report) -> float:
    """The level that most intervals of a report have, whatever policy judges it."""
    levels = [f.estimate.level for f in report.findings]
    return max(dict.fromkeys(levels), key=levels.count, default=0.95)


def asserted(report: Report) -> Report:
    """The report, whose assertions hold together at its level; the other findings stand out alone.

    A pure function of the findings: asked again, with more of them or fewer, it says what is then true.
    """
    level, tests = level_of(report), [p_of(f) for f in report.findings]
    limit = holm.limit(
        [p for f, p in zip(report.findings, tests, strict=True) if p is not None and not f.aside], 1 - level
    )
    found = [
        _told(f, p is not None and (0.0 if f.aside else limit) <= p < 1 - level)
        for f, p in zip(report.findings, tests, strict=True)
    ]
    return report.model_copy(update={"findings": tuple(found)})


class Shared(NamedTuple):
    """How many findings of a report share the error of its assertions."""

    tests: int
    asserted: int
    alone: int
    """Excluded by their own interval alone."""


def shared(report: Report) -> Shared:
    """The tests of a report that `asserted` went through."""
    level = level_of(report)
    tests = [(f, p) for f in report.findings if (p := p_of(f)) is not None and not f.aside]
    out = [f for f, p in tests if p < 1 - level]
    return Shared(len(tests), sum(not f.alone for f in out), sum(f.alone for f in out))


def p_of(f: Finding) -> float | None:
    """p of H0: what the finding speaks of is not there; None where it is no test.

    Its own, or the one at which its interval would touch no difference (0, a ratio of 1, what right scores give).
    """
    null = None if f.estimate.state == "unstable" else _null(f)
    return f.p if f.p is not None or null is None else implied_p(f.estimate, null)


def implied_p(e: Estimate, null: float) -> float | None:
    """Two-sided p at which the interval touches `null`, its halves in proportion to normal quantiles; None without one.

    1 where the interval holds `null`: how far it does decides nothing.

    >>> round(implied_p(Estimate(value=0.15, low=0.016, high=0.277), 0.0), 3)
    0.028
    """
    if e.value is None or e.low is None or e.high is None:
        return None
    if e.low <= null <= e.high:
        return 1.0
    from statistics import NormalDist  # takes a hundredth of a second, and few findings need it

    half, away = e.value - e.low if e.value > null else e.high - e.value, abs(e.value - null)
    z = NormalDist().inv_cdf(0.5 + e.level / 2) * away / half if half > 0 else math.inf
    return 2 * NormalDist().cdf(-z)


def _null(f: Finding) -> float | None:
    """The value of nothing to tell; None where there is none. An explanation says itself what it tests."""
    if f.concern == "explanation":
        return None
    if f.comparison.startswith("difference"):
        return 0.0
    if f.comparison.startswith("ratio"):
        return 1.0
    known = METRICS.get(f.metric)
    return None if known is None else known.right


def _told(f: Finding, alone: bool) -> Finding:
    said = f.statement.removesuffix(ALONE) + (ALONE if alone else "")
    return f if (said, alone) == (f.statement, f.alone) else f.model_copy(update={"statement": said, "alone": alone})
