"""Of many groups the pair is split that differs most surely, and the chance that made it so is in its parts."""

from __future__ import annotations

import numpy as np
import pytest

from auditkit.catalogue.gaps import TARGETS
from auditkit.explain.all_rows import Means
from auditkit.explain.gaps.splits import Split, together_p
from auditkit.explain.gaps.sums import Contrast, Units
from tests.simulations.explanations import all_rows, split_of

LEVEL = 0.95


def surest(rng: np.random.Generator, groups: int, apart: float, n: int = 600) -> Split | None:
    """The split of groups that are a ladder in one part of the score, and alike in the other; None without a gap."""
    group = np.sort(rng.integers(0, groups, n))
    x = np.stack([0.05 * (rng.normal(size=n) + apart * group / (groups - 1)), 0.08 * rng.normal(size=n)], axis=1)
    score = 0.5 + x.sum(1)
    assert 0 < score.min() < score.max() < 1
    y = (rng.random(n) < score).astype(np.int8)
    found = Means.of_census(all_rows(score, y, {"g": group}), ["g"], TARGETS["mean_score"], numeric=False, level=LEVEL)
    assert found is not None
    pair = found.surest()
    assert pair is not None
    whole = found.pair(*pair)
    assert whole is not None
    rows = [np.flatnonzero(group == int(name)) for name in pair]
    return split_of(rng, x, [len(r) for r in rows], rows, whole, groups) if whole.estimate.excludes_zero else None


@pytest.mark.slow
@pytest.mark.parametrize(("groups", "apart"), [(2, 0.8), (5, 0.7), (8, 0.7)])
def test_a_part_in_which_groups_are_alike_is_found_in_five_of_a_hundred_at_most(groups: int, apart: float) -> None:
    rng = np.random.default_rng(groups)
    splits = [s for _ in range(700) if (s := surest(rng, groups, apart)) is not None]
    wrong = [together_p(s, [1]) < 1 - LEVEL for s in splits]
    missed = [(s.parts[1].low or 0.0) > 0 or (s.parts[1].high or 0.0) < 0 for s in splits]
    assert len(splits) >= 200
    bound = 0.05 + 2.6 * (0.05 * 0.95 / len(splits)) ** 0.5
    assert np.mean(wrong) <= bound  # as if the pair had been chosen beforehand: one of ten, of five groups
    assert np.mean(missed) <= bound


def test_the_parts_of_one_of_many_pairs_are_as_sure_as_its_gap() -> None:
    rng = np.random.default_rng(0)
    s = next(s for _ in range(50) if (s := surest(rng, 5, 2.0)) is not None)
    e, gap = s.parts[0], s.sampled
    error = float(s.covariance[0, 0]) ** 0.5
    assert e.low is not None
    assert e.value is not None
    assert gap.value is not None
    assert gap.low is not None
    wide = (gap.value - gap.low) / float(s.units.covariance[-1, -1]) ** 0.5
    assert (e.value - e.low) / error == pytest.approx(wide, rel=0.02)
    assert wide > 2.5


def test_a_part_of_few_effective_rows_has_a_p_too() -> None:
    """The integral of the studentized range is not exact, least of all at few degrees of freedom."""
    row = np.array([[0.0, 1.0, 1.0]])
    m = np.concatenate([row + 1e-3 * np.eye(3)[k % 3] for k in range(12)])
    m[:, 0] -= m[:, 0].mean()
    weights = np.array([30.0, 20.0, *np.full(10, 0.5)])
    units = Units.of(("a", "b"), [m], weights)
    assert units.effective_n < 3
    found = Split.of(Contrast("g", "mean_score", "shapley", "p", "q"), units, LEVEL, None, 5)
    assert ((found.part_p >= 0) & (found.part_p <= 1)).all()
    exact = Units.of(("a", "b"), [np.where(np.arange(3) == 0, m - weights @ m / weights.sum(), m)], weights)
    assert Split.of(Contrast("g", "mean_score", "shapley", "p", "q"), exact, LEVEL, None, 5).part_p[0] == 1.0
