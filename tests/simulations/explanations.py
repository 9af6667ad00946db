"""Gaps that explanations speak of: whether there is one is asked of all rows, and a sample says what makes it.

Groups whose scores are independent of the group, in every target of a binary audit and two attributes; and a planted
gap in all rows, of which a sample is split.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from auditkit import holm
from auditkit.arrays import Floats, Ints
from auditkit.batch import Batch
from auditkit.catalogue.gaps import TARGETS
from auditkit.evidence.census import CensusMeans, census_of
from auditkit.evidence.sums import Weights
from auditkit.explain.all_rows import Means, PairGap
from auditkit.explain.gaps.pairs import Pairs, paired
from auditkit.explain.gaps.splits import Split
from auditkit.explain.gaps.splitting import units_of
from auditkit.explain.gaps.sums import Contrast
from auditkit.inputs.tasks.binary import Binary
from tests.simulations.setting import Outcome, Setting

LEVEL = 0.95


def all_rows(score: Floats, y: Ints, groups: dict[str, Ints]) -> CensusMeans:
    """The census of rows with these scores, decided at a half."""
    labels = pd.DataFrame({name: codes.astype(str) for name, codes in groups.items()})
    batch = Batch(pd.DataFrame(index=labels.index), labels, y, (score >= 0.5).astype(np.int8), score)
    census = census_of(batch)
    assert census is not None
    return CensusMeans(census)


def fair(
    name: str, sizes: Sequence[int], *, base: Floats | None = None, shape: tuple[float, float] = (2.0, 3.0)
) -> Setting:
    """Six groups, and two that cross them, of one law of scores; the truth may depend on the group, scores do not."""

    def once(rng: np.random.Generator) -> Outcome:
        race = np.repeat(np.arange(len(sizes)), sizes)
        score = rng.beta(*shape, len(race))
        p = score if base is None else base[race]
        y = (rng.random(len(race)) < p).astype(np.int8)
        means = all_rows(score, y, {"race": race, "sex": rng.integers(0, 2, len(race))})
        targets = [t for t in Binary.gap_targets if base is None or t != "log_loss"]  # which then differs, truly
        found = {
            (by, t): Means.of_census(means, [by], TARGETS[t], numeric=False, level=LEVEL)
            for by in ("race", "sex")
            for t in targets
        }
        out = {key: m for key, m in found.items() if m is not None and not m.skewed and (m.largest().low or 0.0) > 0}
        p_values = [m.pair(*m.surest()).p for m in out.values()]
        p_values += [1.0] * (len(found) - len(out))  # whose interval holds 0: their p is no smaller than 0.05
        return {
            "false gap in any, asserted": min(p_values) < holm.limit(p_values, 1 - LEVEL),
            "any by its own interval": bool(out),
            **{f"false {t}": ("race", t) in out for t in targets},
        }

    return Setting(f"explanations: {name}", once)


def planted(name: str, sizes: Sequence[int], shift: float, sampled: int) -> Setting:
    """A score that is the sum of two columns, one of them larger in the last group; `sampled` rows of each group."""

    def once(rng: np.random.Generator) -> Outcome:
        race = np.repeat(np.arange(len(sizes)), sizes)
        last = race == len(sizes) - 1
        x = np.stack([rng.beta(2, 3, len(race)) / 2 + shift * last, rng.beta(1, 2, len(race)) / 2 - shift / 4], 1)
        score = np.clip(x.sum(1) + shift / 4, 0, 1)
        y = (rng.random(len(race)) < score).astype(np.int8)
        found = Means.of_census(
            all_rows(score, y, {"race": race}), ["race"], TARGETS["mean_score"], numeric=False, level=LEVEL
        )
        assert found is not None
        pair = found.surest()
        assert pair is not None
        whole = found.pair(*pair)
        assert whole is not None
        one, other = (np.flatnonzero(race == int(g)) for g in pair)
        true = shift * (float(last[one[0]]) - float(last[other[0]]))
        drawn = [rng.permutation(rows)[:sampled] for rows in (one, other)]
        split = split_of(rng, x, [len(one), len(other)], drawn, whole, len(sizes))
        plain = split_of(rng, x, [len(one), len(other)], drawn, None, len(sizes))
        width, before = (s.parts[0].high - s.parts[0].low for s in (split, plain))
        return {
            "found": whole.estimate.excludes_zero and {pair[0]} == {str(len(sizes) - 1)},
            "covers gap": whole.estimate.low <= true <= whole.estimate.high,
            "covers part": split.parts[0].low <= true <= split.parts[0].high,
            "covers innocent part": split.parts[1].low <= 0 <= split.parts[1].high,
            "covers share": None if (s := split.share(["a"], LEVEL)).low is None else s.low <= 1 <= s.high,
            "false contradiction": split.contradicts,
            "narrower than the sample alone": width < before,
        }

    return Setting(f"explanations: {name}", once)


def split_of(
    rng: np.random.Generator, x: Floats, of: Sequence[int], drawn: Sequence[Ints], whole: PairGap | None, groups: int
) -> Split:
    """The gap of drawn rows of two groups, split onto the two columns."""
    first, second = (np.arange(len(drawn[0])), np.arange(len(drawn[1])) + len(drawn[0]))
    rows = np.concatenate(drawn)
    weights = Weights(np.repeat([n / len(d) for n, d in zip(of, drawn, strict=True)], [len(d) for d in drawn]))
    scene: Any = SimpleNamespace(weights=weights, weight=weights.weight)
    pairs, columns = [], []
    for _ in range(2):
        p = paired(weights.at(first), weights.at(second), rng=rng)
        pairs.append(Pairs(first[p.first], second[p.second], p.weight))
        parts = x[rows[pairs[-1].first]] - x[rows[pairs[-1].second]]
        columns.append(np.concatenate([parts, parts.sum(1, keepdims=True)], axis=1))
    units = units_of(scene, ("a", "b"), pairs, np.concatenate(columns), first, second)
    return Split.of(Contrast("g", "mean_score", "shapley", "a", "b"), units, LEVEL, whole, groups)


SETTINGS = (
    fair("six fair groups of 200", [200] * 6),
    fair("six fair groups of 12 to 1,000", [12, 30, 60, 200, 400, 1_000]),
    fair("six fair groups, rare high scores, of 12 to 1,000", [12, 30, 60, 200, 400, 1_000], shape=(0.2, 3.0)),
    fair(
        "six groups of other base rates, fair scores",
        [60, 100, 200, 200, 400, 600],
        base=np.linspace(0.2, 0.7, 6),
    ),
    planted("a planted gap of 3 points, 100 of 2,000 rows", [2_000, 2_000], 0.03, 100),
    planted("a planted gap of 10 points, 100 of 400 rows", [400, 800], 0.1, 100),
    planted("a planted gap of one of six groups, 50 of 200 rows", [400, 200, 200, 200, 200, 200], 0.1, 50),
    planted("a planted gap of 10 points, all of 60 rows", [60, 60], 0.1, 60),
)
