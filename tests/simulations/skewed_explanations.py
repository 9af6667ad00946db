"""What explanations say of skewed numbers: parts of a gap in a score without bounds, and the share of what leads.

Two columns make the score, one of them skewed, with or without a gap between groups put into it; sizes of contributions
have a skewed law, and one column leads. Limits were chosen on means (`stats.means`), not on these.
"""

from __future__ import annotations

import numpy as np

from auditkit.evidence.sums import Moments, Weights
from auditkit.explain import ratios
from auditkit.explain.all_rows import Means
from tests.simulations.explanations import LEVEL, split_of
from tests.simulations.setting import Outcome, Setting
from tests.simulations.skew import LAWS

SPREAD = {"normal": 1.0, "exponential": 1.0, "lognormal 1": 2.16, "lognormal 1.5": 8.97, "Student 3": 1.73}
"""Standard deviations: a gap is told in these."""
SIZES = ((1_000, 30, 1_000), (1_000, 1_000, 30), (2_000, 200, 200))
"""Rows of either group, and how many of each are drawn, at most."""
POWER = {("exponential", SIZES[2]), ("lognormal 1", SIZES[2]), ("normal", SIZES[2]), ("Student 3", SIZES[2])}


def parts(law: str, sizes: tuple[int, int, int], gap: float) -> Setting:
    """A score of a skewed column and one that is not; all of the gap is in the first. Unstable gaps tell no parts."""
    draw, shift = LAWS[law], gap * SPREAD[law]

    def once(rng: np.random.Generator) -> Outcome:
        group = np.repeat([0, 1], sizes[:2])
        n = len(group)
        x = np.stack([draw(rng, n) + shift * group, rng.normal(size=n) * SPREAD[law] / 2], axis=1)
        rows = [np.flatnonzero(group == g) for g in (1, 0)]
        score = {str(g): (x[group == g].sum(1), Weights(np.ones((group == g).sum()))) for g in (0, 1)}
        found = Means.of_rows(score, bounded=False, level=LEVEL)
        assert found is not None
        whole = found.pair("1", "0")
        drawn = [rng.permutation(at)[: sizes[2]] for at in rows]
        split = split_of(rng, x, [len(at) for at in rows], drawn, whole, 2)
        stable = not found.skewed
        first, second = split.parts
        share = split.share(["a"], LEVEL)
        return {
            "unstable": not stable,
            "covers or unstable: the part": not stable or first.low <= shift <= first.high,  # type: ignore[operator]
            "covers or unstable: the other": not stable or second.low <= 0 <= second.high,  # type: ignore[operator]
            ("found" if gap else "false part"): stable and split.gap_is_sure and split.sure[0],
            "covers share": None if share.low is None or not (stable and gap) else share.low <= 1 <= share.high,  # type: ignore[operator]
        }

    name = f"skewed-explanations: {law}, {sizes[0]:,} and {sizes[1]:,} rows, {sizes[2]:,} drawn, "
    bounds = {"found": (0.8, 1.0)} if gap and (law, sizes) in POWER else {}
    return Setting(name + (f"a gap of {gap:g} standard deviations" if gap else "no gap"), once, bounds=bounds)


def leading(law: str, n: int) -> Setting:
    """Sizes of five contributions of one law, one of them three times as large: its share of all."""
    draw, scale = LAWS[law], np.array([3.0, 1, 1, 1, 1])

    def once(rng: np.random.Generator) -> Outcome:
        sizes = np.abs(draw(rng, n * 5)).reshape(n, 5) * scale
        table = ratios.columns(lead=sizes[:, 0], total=sizes.sum(1))
        (cell,) = ratios.ratios_of([Moments.of(np.stack([*table.values()], axis=1))], bounds=(0.0, 1.0))
        e = cell.estimate(LEVEL)
        stable = e.state != "unstable"
        return {
            "unstable": not stable,
            "covers or unstable: the share": not stable or e.low <= 3 / 7 <= e.high,  # type: ignore[operator]
        }

    bounds = {"covers or unstable: the share": (0.9, 1.0)} if (law, n) == ("lognormal 1.5", 60) else {}
    return Setting(f"skewed-explanations: the share of what leads, {law}, {n:,} rows", once, bounds=bounds)


SETTINGS = (
    *(parts(law, sizes, gap) for law in SPREAD for sizes in SIZES for gap in (0.0, 0.6)),
    *(leading(law, n) for law in ("normal", "exponential", "lognormal 1", "lognormal 1.5") for n in (60, 200, 1_000)),
)
