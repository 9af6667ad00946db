"""Of many groups the pair is split that differs most surely, and the chance that made it so is in its parts."""

from __future__ import annotations

import numpy as np
import pytest

from auditkit.catalogue.gaps import TARGETS
from auditkit.explain.all_rows import Means
from auditkit.explain.gaps.splits import Split, chosen, together_p
from auditkit.stats.means import t_value
from auditkit.stats.pvalues import family_quantile
from auditkit.stats.rates import critical_value
from tests.simulations.explanations import all_rows, split_of

LEVEL = 0.95


def surest(rng: np.random.Generator, groups: int, apart: float, n: int = 600) -> Split | None:
    """The split of groups that are a ladder in one part of the score, and alike in the other; None without a gap."""
    group = np.sort(rng.integers(0, groups, n))
    x = np.stack([0.04 * (rng.normal(size=n) + apart * group / (groups - 1)), 0.064 * rng.normal(size=n)], axis=1)
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
def test_a_part_in_which_groups_are_alike_is_found_in_five_of_a_hundred_audits_at_most(
    groups: int, apart: float
) -> None:
    """Of all audits; among those that find a gap it may be more: chance finds those it widened."""
    rng, draws = np.random.default_rng(groups), 700
    splits = [s for _ in range(draws) if (s := surest(rng, groups, apart)) is not None]
    wrong = [together_p(s, [1]) < 1 - LEVEL for s in splits]
    missed = [(s.parts[1].low or 0.0) > 0 or (s.parts[1].high or 0.0) < 0 for s in splits]
    bound = 0.05 + 2.6 * (0.05 * 0.95 / draws) ** 0.5
    assert sum(wrong) <= bound * draws  # as if the pair had been chosen beforehand: 15 of 100, of eight groups
    assert sum(missed) <= bound * draws
    assert sum(s.part_p[0] < 1 - LEVEL for s in splits) >= 0.9 * len(splits), "the part that makes gaps is found"


def test_what_of_a_part_goes_with_the_gap_is_as_sure_as_the_gap_and_the_rest_as_of_one_pair() -> None:
    n, q, t = 50, family_quantile(LEVEL, 5, 49), float(t_value(50, critical_value(LEVEL)))
    gap, beside = 0.3, 0.2
    covariance = np.array([[gap + beside, -beside, gap], [-beside, beside, 0.0], [gap, 0.0, gap]])
    found = t**2 * chosen(covariance, n, 5, LEVEL)
    assert found[2, 2] == pytest.approx(q**2 * gap)
    assert found[1, 1] == pytest.approx(t**2 * beside)
    assert found[0, 0] == pytest.approx(q**2 * gap + t**2 * beside)
    assert found[0, 0] + found[1, 1] + 2 * found[0, 1] == pytest.approx(found[2, 2]), "parts still add up to the gap"
    assert (chosen(covariance, n, 2, LEVEL) == covariance).all()
