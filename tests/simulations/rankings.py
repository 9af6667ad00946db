"""Rankings: lists of ten of 60 items; differences of NDCG by groups of users, ratios of exposure by groups of items.

Users differ in how much they want, in what, and in how well the system knows them. The truth is that of 40,000 users.
`covers` is the interval as it is printed.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from auditkit.arrays import Floats, Positions
from auditkit.catalogue.rankings import RELATIVE, skew
from auditkit.evidence.exposures import ExposureSums
from auditkit.evidence.numbers import NumberSums
from auditkit.evidence.ratios import RatioSums
from auditkit.fairness.groups.exposure import answering as of_items
from auditkit.fairness.groups.measured import answering as of_users
from auditkit.question import Question
from auditkit.readers.ranked import Ranked, places_of_scores
from auditkit.records import Comparison, Estimate
from tests.simulations.setting import Outcome, Setting

ITEMS, SEEN = 60, 10
NUMBER = "ndcg_at_10"


def drawn(rng: np.random.Generator, users: int, group: Positions, bias: Floats, noise: Floats) -> Ranked:
    """Lists of so many users; `bias` (K,) moves the scores of a group of items, `noise` (U,) those of a user."""
    taste = 0.6 * rng.normal(size=(users, len(bias)))[:, group]
    wanted = rng.random((users, ITEMS)) < 1 / (1 + np.exp(2.4 - taste - 0.7 * rng.normal(size=(users, 1))))
    score = 1.5 * wanted + 0.5 * taste + bias[group] + noise[:, None] * rng.normal(size=(users, ITEMS))
    user, item = np.repeat(np.arange(users), ITEMS), np.tile(np.arange(ITEMS), users)
    place, _ = places_of_scores(user, score.ravel(), item)
    return Ranked(user, place, wanted.ravel().astype(np.float64), users)


def sums_of(of: Ranked, group: Positions, names: tuple[str, ...]) -> ExposureSums:
    """What the reader's columns come to, by their definition."""
    k = len(names)
    flat, e = of.user * k + np.tile(group, of.users), of.exposure(SEEN)
    first = of.first(SEEN).astype(np.float64)

    def table(x: Floats) -> Floats:
        return np.bincount(flat, x, of.users * k).reshape(-1, k)

    base = np.bincount(group, minlength=k) / ITEMS * SEEN * np.ones((of.users, 1))
    merit = (float((e**2).sum()), float((of.relevance**2).sum()))
    whole = RatioSums.of(names, over=table(e), under=table(of.relevance), squares=merit)
    places = RatioSums.of(names, over=table(first), under=base, squares=(first.sum(), first.sum()))
    return ExposureSums({("genre", 0): whole, ("genre", SEEN): places}, SEEN)


def _holds(e: Estimate, truth: float) -> bool | None:
    return None if e.low is None or e.high is None or e.state == "unstable" else e.low <= truth <= e.high


def items(what: str, bias: list[float], *, users: int, sizes: list[int]) -> Setting:
    """Exposure for relevance, of groups of items; `sizes`: items of each."""
    group, names = np.repeat(np.arange(len(bias)), sizes), tuple("abc"[: len(bias)])

    @cache
    def truth() -> tuple[Floats, Floats]:
        rng = np.random.default_rng(1)
        found = [sums_of(drawn(rng, 4_000, group, np.array(bias), np.ones(4_000)), group, names) for _ in range(10)]
        whole = found[0]
        for one in found[1:]:
            whole = whole + one
        of, first = whole.sums["genre", 0], whole.sums["genre", SEEN]
        both = of.over / of.over.sum() / (of.under / of.under.sum()), np.log(first.over / first.under)
        if len(set(bias)) == 1 and len(set(sizes)) == 1:
            return np.ones(len(bias)), np.zeros(len(bias))
        return both

    def once(rng: np.random.Generator) -> Outcome:
        sums = sums_of(drawn(rng, users, group, np.array(bias), np.ones(users)), group, names)
        relative, skewed = truth()

        def asked(metric: str, kind: Comparison) -> Estimate:
            answer = of_items(sums, Question(metric, kind, ("genre",)))
            assert answer is not None
            return answer.finding(kind).estimate

        answer = of_items(sums, Question(RELATIVE, "ratio", ("genre",)))
        first = of_items(sums, Question(skew(SEEN), "difference", ("genre",)))
        assert answer is not None
        assert first is not None
        own = [g.estimate for g in answer.finding("ratio").by_group]
        own_skew = [g.estimate for g in first.finding("difference").by_group]
        ratio, gap = asked(RELATIVE, "ratio"), asked(skew(SEEN), "difference")
        least = int(np.argmin(relative))
        out: dict[str, bool | None] = {
            "covers ratio": _holds(ratio, float(relative.min() / relative.max())),
            "covers least": _holds(asked(RELATIVE, "group_min"), float(relative.min())),
            "covers group": _holds(own[least], float(relative[least])),
            "covers skew": _holds(own_skew[least], float(skewed[least])),
            "covers skew gap": _holds(gap, float(np.ptp(skewed))),
        }
        seen = None if ratio.high is None else ratio.high < 1
        out["false gap" if np.ptp(relative) == 0 else "shows the gap"] = seen
        return out

    return Setting(f"rankings: {what}", once, replications=300)


def people(what: str, noise: dict[str, float], *, sizes: dict[str, int]) -> Setting:
    """The difference of NDCG@10 between groups of users; `noise`: how badly the system knows them."""
    group = np.repeat(np.arange(3), 20)
    names = np.repeat(list(sizes), list(sizes.values()))

    def lists(rng: np.random.Generator, who: np.ndarray) -> Floats:
        spread = np.array([noise[g] for g in who.tolist()])
        return drawn(rng, len(who), group, np.zeros(3), spread).ndcg(SEEN)

    @cache
    def truth() -> float:
        rng = np.random.default_rng(2)
        means = [np.nanmean([np.nanmean(lists(rng, np.repeat(g, 4_000))) for _ in range(10)]) for g in sizes]
        return 0.0 if len(set(noise.values())) == 1 else float(np.ptp(means))

    def once(rng: np.random.Generator) -> Outcome:
        sums = NumberSums.of({"sex": names}, values=lists(rng, names))
        answer = of_users(sums, Question(f"measured[{NUMBER}]", "difference", ("sex",)))
        assert answer is not None
        gap = answer.finding("difference").estimate
        out: dict[str, bool | None] = {"covers gap": _holds(gap, truth())}
        out["false gap" if truth() == 0 else "shows the gap"] = None if gap.low is None else gap.low > 0
        return out

    return Setting(f"rankings: {what}", once, replications=300)


SETTINGS = (
    items("three genres alike, 200 users", [0.0, 0.0, 0.0], users=200, sizes=[20, 20, 20]),
    items("three genres alike, 30 users", [0.0, 0.0, 0.0], users=30, sizes=[20, 20, 20]),
    items("one genre shown lower, 200 users", [0.0, -0.6, 0.0], users=200, sizes=[20, 20, 20]),
    items("a rare genre hardly shown, 200 users", [0.0, -1.6], users=200, sizes=[56, 4]),
    people("NDCG alike, 100 and 100 users", {"f": 1.0, "m": 1.0}, sizes={"f": 100, "m": 100}),
    people("NDCG alike, 25 and 175 users", {"f": 1.0, "m": 1.0}, sizes={"f": 25, "m": 175}),
    people("NDCG worse for some, 60 and 140 users", {"f": 1.6, "m": 1.0}, sizes={"f": 60, "m": 140}),
)
