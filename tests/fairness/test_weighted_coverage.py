"""Coverage of intervals over weighted and clustered rows: nominal .95, at least .92, where plain Wilson fails."""

from __future__ import annotations

import numpy as np
import pytest

from auditkit.evidence.tally import Tally
from auditkit.fairness.groups.check import answering
from auditkit.question import Question
from auditkit.records import Comparison, Finding
from tests.helpers import reassessing

reassess, _ = reassessing(answering)


def one(tally: Tally, metric: str, kind: Comparison) -> Finding:
    found = reassess(tally, Question(metric, kind, ("sex",), level=0.95))
    assert found is not None
    return found


def covered(tally: Tally, truth: float, metric: str = "selection_rate") -> list[bool]:
    """Of each group's own interval."""
    each = [g.estimate for g in one(tally, metric, "difference").by_group]
    return [e.low <= truth <= e.high for e in each if e.low is not None and e.high is not None]


def clustered(rng: np.random.Generator, clusters: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids and decisions of clusters whose own rates are Beta(1.5, 3.5): mean .3, correlation within of 1/6."""
    return np.repeat(np.arange(clusters), size), (
        rng.random(clusters * size) < np.repeat(rng.beta(1.5, 3.5, clusters), size)
    ).astype(int)


@pytest.mark.slow
@pytest.mark.parametrize("clusters", [24, 40, 120])
def test_coverage_of_clustered_rows(clusters: int) -> None:
    rng = np.random.default_rng(0)
    ours, naive = [], []
    for _ in range(400):
        who, y = clustered(rng, clusters, 15)
        given = {"groups": {"sex": np.where(who % 2, "f", "m")}, "y_true": y, "y_pred": y}
        ours += covered(Tally.of(**given, cluster=who), 0.3)
        naive += covered(Tally.of(**given), 0.3)
    assert np.mean(ours) >= 0.92
    assert np.mean(naive) < 0.85


@pytest.mark.slow
def test_coverage_of_weighted_rows() -> None:
    """Selected rows are drawn four times as rarely and weigh four times as much."""
    rng = np.random.default_rng(1)
    ours, naive = [], []
    for _ in range(500):
        y = (rng.random(600) < 0.3).astype(int)
        kept = rng.random(600) < np.where(y == 1, 0.2, 0.8)
        y, sex = y[kept], rng.choice(["f", "m"], int(kept.sum()))
        given = {"groups": {"sex": sex}, "y_true": y, "y_pred": y}
        ours += covered(Tally.of(**given, sample_weight=np.where(y == 1, 5.0, 1.25)), 0.3)
        naive += covered(Tally.of(**given), 0.3)
    assert np.mean(ours) >= 0.92
    assert np.mean(naive) < 0.2


@pytest.mark.slow
def test_clusters_that_span_groups_narrow_the_gap_and_still_cover() -> None:
    """Each person has rows in both groups: what they have in common leaves the difference."""
    rng = np.random.default_rng(2)
    inside, widths = [], []
    for _ in range(300):
        who, y = clustered(rng, 40, 16)
        sex = np.where(np.arange(len(who)) % 2, "f", "m")
        both = Tally.of({"sex": sex}, y_true=y, y_pred=y, cluster=who)
        apart = Tally.of({"sex": sex}, y_true=y, y_pred=y, cluster=[f"{s}{w}" for s, w in zip(sex, who, strict=True)])
        spanning, split = (one(t, "selection_rate", "difference").estimate for t in (both, apart))
        inside.append(spanning.low == 0.0)
        assert spanning.high is not None
        assert split.high is not None
        assert spanning.value is not None
        widths.append((spanning.high - spanning.value) / (split.high - spanning.value))
    assert 0.92 <= np.mean(inside) <= 0.99
    assert np.mean(widths) < 0.9


def test_a_hundred_samples_of_clusters_are_covered_where_wilson_is_not() -> None:
    """The quick twin of the simulations above."""
    rng = np.random.default_rng(7)
    ours, naive = [], []
    for _ in range(100):
        who, y = clustered(rng, 60, 15)
        given = {"groups": {"sex": np.where(who % 2, "f", "m")}, "y_true": y, "y_pred": y}
        ours += covered(Tally.of(**given, cluster=who), 0.3)
        naive += covered(Tally.of(**given), 0.3)
    assert np.mean(ours) >= 0.9
    assert np.mean(naive) < 0.85
