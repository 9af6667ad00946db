"""Means of skewed numbers: errors of a regression whose groups share one law, and gaps that were put there.

The limits were chosen on other laws than these (`stats.means`), but for the gamma of shape ½ and Student's t with three
degrees of freedom; what is too heavy-tailed on most of these, and on none of `tests/stats/test_heavy_tails.py`.
Student's laws and Pareto's have power tails: of most of them squares have no variance, of some hardly a mean.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.stats
from scipy.stats.distributions import rv_frozen

from auditkit.evidence.errors import GroupMoments
from auditkit.evidence.sums import Moments
from auditkit.explain.estimates import gap, means_of
from auditkit.fairness.families.quantities import QuantityFamily
from auditkit.fairness.groups.regression import family_from
from tests.simulations.setting import Outcome, Setting

Draw = Callable[[np.random.Generator, int], np.ndarray]
MEANS = {"signed_error": "signed error", "mean_absolute_error": "MAE", "root_mean_squared_error": "RMSE"}


def _contaminated(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.asarray(rng.normal(size=n) * np.where(rng.random(n) < 0.1, 5, 1) + 5 * (rng.random(n) < 0.05))


LAWS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "uniform": lambda rng, n: rng.random(n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "gamma of shape 0.5": lambda rng, n: rng.gamma(0.5, size=n),
    "lognormal 0.5": lambda rng, n: rng.lognormal(0, 0.5, n),
    "lognormal 1": lambda rng, n: rng.lognormal(0, 1, n),
    "lognormal 1.5": lambda rng, n: rng.lognormal(0, 1.5, n),
    "contaminated normal": _contaminated,
    "Laplace": lambda rng, n: rng.laplace(size=n),
    "1 % outliers": lambda rng, n: rng.normal(size=n) * np.where(rng.random(n) < 0.01, 10, 1),
    "Student 2.5": lambda rng, n: rng.standard_t(2.5, n),
    "Student 3": lambda rng, n: rng.standard_t(3, n),
    "Student 4": lambda rng, n: rng.standard_t(4, n),
    "Pareto 1.5": lambda rng, n: rng.pareto(1.5, n),
    "Pareto 2.5": lambda rng, n: rng.pareto(2.5, n),
    "Pareto 3.5": lambda rng, n: rng.pareto(3.5, n),
}
SIZES = ((30, 1_000), (60, 60), (300, 3_000))
FAR = {"1 % outliers", "Student 2.5", "Student 3", "Pareto 2.5"}
"""Of these, of which it was to be feared that more rows do not help, of 10,000 as well."""
TOLD = {("1 % outliers", (60, 60)): ("RMSE",)}
"""Whose coverage is only told: every other sample of 60 lacks what makes the mean (`rare`)."""
CLOSE = {("Pareto 1.5", (60, 60)): 10_000}
"""How many draws it takes to see the bound kept."""
MILD = ("normal", "uniform", "Laplace", "exponential")
"""Laws whose means are hardly ever unstable where both groups have 300 rows."""
LIGHT = (*MILD, "gamma of shape 0.5", "lognormal 0.5")
"""Laws of which hardly any mean of 1,000 rows or more is unstable, nor that of squares."""
POWER = {"normal": 0.2, "uniform": 0.06, "exponential": 0.22}
"""Gaps of the signed error between 300 and 3,000 rows that Student's limits find in 84 to 96 % of draws."""


def _known(law: rv_frozen) -> tuple[float, float, float]:
    """Mean, mean size and root of the mean square of a law, centred; the mean first."""
    mean = float(law.mean())
    y = np.linspace(-30, 150, 100_001)  # the integral of the tail, over the logarithm of how far beyond the mean
    return mean, 2 * float(np.trapezoid(law.sf(mean + np.exp(y)) * np.exp(y), y)), float(law.std())


TRUTHS = {
    **{f"Student {nu:g}": _known(scipy.stats.t(nu)) for nu in (2.5, 3.0, 4.0)},
    **{f"Pareto {a:g}": _known(scipy.stats.lomax(a)) for a in (1.5, 2.5, 3.5)},
}
"""Of laws whose means of squares no simulation finds soon enough."""


def _truth(law: str) -> dict[str, float]:
    """The three means of a law, centred: known, or from ten million draws of a seed of their own."""
    if law not in TRUTHS:
        rng = np.random.default_rng(1)
        parts = [LAWS[law](rng, 1_000_000) for _ in range(10)]
        middle = float(np.mean([x.mean() for x in parts]))
        absolute = float(np.mean([np.abs(x - middle).mean() for x in parts]))
        squares = float(np.mean([((x - middle) ** 2).mean() for x in parts]))
    else:
        middle, absolute, root = TRUTHS[law]
        squares = root**2
    return {"": middle, "signed_error": 0.0, "mean_absolute_error": absolute, "root_mean_squared_error": squares**0.5}


def moments_of(parts: list[np.ndarray]) -> GroupMoments:
    """What `ErrorSums.moments` gives of these errors, a group each."""
    columns = [np.stack([e, np.abs(e), e * e, e], axis=1) for e in parts]
    mean = np.array([x.mean(axis=0) for x in columns])
    away = [x - m for x, m in zip(columns, mean, strict=True)]
    squares = [x * x for x in away]
    second = np.array([s.mean(axis=0) for s in squares])
    third = np.array([(s * x).mean(axis=0) for s, x in zip(squares, away, strict=True)])
    n = np.array([len(x) for x in columns])
    skewness = np.divide(third, second**1.5, out=np.zeros_like(third), where=second > 0)
    groups = tuple((f"g{i}",) for i in range(len(parts)))
    return GroupMoments(groups, n, mean, second * (n / (n - 1))[:, None], skewness)


def _of_metric(family: QuantityFamily, name: str, truth: float) -> Outcome:
    """An unstable answer misleads nobody: it counts as held, and as no false gap. Of the others alone is told beside.

    Where no sample sees a tail, most draws are unstable, and the others are those that lack the tail.
    """
    gap = family.comparison("difference")[0]
    unstable, found = gap.state == "unstable", (gap.low or 0.0) > 0
    out: dict[str, bool | None] = {
        f"unstable {name}": unstable,
        f"false gap {name}": found and not unstable,
        f"of the stable: gap {name}": None if unstable else found,
    }
    sizes = [f"{g.estimate.n:,}" for g in family.by_group]
    names = sizes if len(set(sizes)) == len(sizes) else ["first", "second"]
    for which, group in zip(names, family.by_group, strict=True):
        e = group.estimate
        told = e.state != "unstable" and e.low is not None and e.high is not None
        held = told and e.low <= truth <= e.high  # type: ignore[operator]
        out |= {
            f"unstable {name}, {which}": e.state == "unstable",
            f"covers or unstable: {name}, {which}": held or not told,
            f"of the stable: covers {name}, {which}": held if told else None,
        }
    return out


def alike(law: str, sizes: tuple[int, int]) -> Setting:
    """Two groups whose errors have one law, centred."""
    draw, truth = LAWS[law], dict[str, float]()

    def once(rng: np.random.Generator) -> Outcome:
        if not truth:
            truth.update(_truth(law))
        moments = moments_of([draw(rng, n) - truth[""] for n in sizes])
        out: dict[str, bool | None] = {}
        for metric, name in MEANS.items():
            if np.isfinite(truth[metric]):
                out |= _of_metric(family_from(moments, metric, ("g",), level=0.95), name, truth[metric])
        return out

    name = f"skew: {law}, {sizes[0]:,} and {sizes[1]:,} rows"
    return Setting(name, once, CLOSE.get((law, sizes), 2_000), bounds=_bounds(law, sizes))


def rare(share: float, size: float, n: int) -> Setting:
    """RMSE of two groups of n normal errors, of which a share is so many times as large: with and without one of them.

    A group with none is a sample of the normal law in every respect; nothing in it tells of what it lacks.
    """
    truth = (1 - share + share * size**2) ** 0.5
    bounds = {"covers or unstable: RMSE, the group has one": (0.9, 1.0)}  # its one may be no larger than others

    def once(rng: np.random.Generator) -> Outcome:
        large = rng.random((2, n)) < share
        moments = moments_of(list(rng.normal(size=(2, n)) * np.where(large, size, 1.0)))
        e = family_from(moments, "root_mean_squared_error", ("g",), level=0.95).by_group[0].estimate
        told = e.state != "unstable"
        held = not told or (e.low or 0.0) <= truth <= (e.high or 0.0)
        none, some = not large.any(), bool(large[0].any())
        return {
            "no group has one": none,
            "covers or unstable: RMSE, the group has one": held if some else None,
            "without any: told as if all were normal": told if none else None,
        }

    name = f"skew: {100 * share:g} % of errors {size:g} times as large, {n} and {n} rows"
    return Setting(name, once, bounds=bounds)


def _bounds(law: str, sizes: tuple[int, int]) -> dict[str, tuple[float, float]]:
    """Bounds beyond those of every coverage and false gap."""
    which = [f"{n:,}" for n in sizes] if len(set(sizes)) > 1 else ["first", "second"]
    out: dict[str, tuple[float, float]] = {}
    if law in MILD and min(sizes) >= 300:
        out |= {f"unstable {m}": (0.0, 0.1) for m in MEANS.values()}
    for k, n in zip(which, sizes, strict=True):
        out |= {f"covers or unstable: {m}, {k}": (0.0, 1.0) for m in TOLD.get((law, sizes), ())}
        if law in LIGHT and n >= 1_000:
            out |= {f"unstable {m}, {k}": (0.0, 0.05) for m in MEANS.values()}
    return out


def beside(law: str, other: str, sizes: tuple[int, int]) -> Setting:
    """A group whose errors have one law beside a larger one of another, both centred: it cannot borrow its tail."""
    truth: dict[str, dict[str, float]] = {}

    def once(rng: np.random.Generator) -> Outcome:
        if not truth:
            truth.update({name: _truth(name) for name in (law, other)})
        parts = [LAWS[name](rng, n) - truth[name][""] for name, n in zip((law, other), sizes, strict=True)]
        moments, out = moments_of(parts), dict[str, bool | None]()
        for metric, name in MEANS.items():
            family = family_from(moments, metric, ("g",), level=0.95)
            if metric == "signed_error":
                out[f"false gap {name}"] = family.comparison("difference")[0].excludes_zero
            for own, group in zip((law, other), family.by_group, strict=True):
                e = group.estimate
                held = e.state == "unstable" or e.low <= truth[own][metric] <= e.high  # type: ignore[operator]
                out[f"covers or unstable: {name}, {own}"] = held
        return out

    return Setting(f"skew: {law} beside {other}, {sizes[0]:,} and {sizes[1]:,} rows", once)


def sampled(law: str, sizes: tuple[int, int]) -> Setting:
    """Two groups of sampled rows whose values have one law: what explanations make of them."""
    draw, middle = LAWS[law], list[float]()

    def once(rng: np.random.Generator) -> Outcome:
        if not middle:
            middle.append(_truth(law)[""])
        cells = means_of([Moments.of(draw(rng, n)[:, None]) for n in sizes])
        between = gap(cells, level=0.95)
        out: dict[str, bool | None] = {
            "false gap": between is not None and between.estimate.excludes_zero,
            "unstable": between is not None and between.estimate.state == "unstable",
        }
        for n, e in zip(sizes, (c.estimate(0.95) for c in cells), strict=True):
            out[f"covers or unstable: {n:,}"] = e.state == "unstable" or e.low <= middle[0] <= e.high  # type: ignore[operator]
        return out

    return Setting(f"skew: sampled means, {law}, {sizes[0]:,} and {sizes[1]:,} rows", once)


def apart(law: str, gap: float) -> Setting:
    """300 and 3,000 errors with a gap between their means: where Student's limits find it, nine tenths still do."""
    draw = LAWS[law]

    def once(rng: np.random.Generator) -> Outcome:
        moments = moments_of([draw(rng, 300) + gap, draw(rng, 3_000)])
        plain = family_from(moments._replace(skewness=None), "signed_error", ("g",), level=0.95)
        family = family_from(moments, "signed_error", ("g",), level=0.95)
        before = plain.interval("difference").low > 0
        after = family.comparison("difference")[0]
        found = after.state == "ok" and (after.low or 0.0) > 0
        return {"found by Student's limits": before, "still found": found if before else None}

    return Setting(f"skew: {law}, a gap of {gap}", once, bounds={"still found": (0.9, 1.0)})


SETTINGS = (
    *(alike(law, n) for law in LAWS for n in SIZES),
    *(alike(law, (200, 10_000)) for law in LAWS if law in FAR),
    *(rare(0.01, 10.0, n) for n in (60, 150)),
    *(beside(law, "normal", (300, 3_000)) for law in ("Student 3", "lognormal 1.5")),
    *(sampled(law, (30, 1_000)) for law in ("normal", "lognormal 1", "lognormal 1.5", "Student 3", "Pareto 2.5")),
    *(apart(law, gap) for law, gap in POWER.items()),
)
