"""The table of crossings: partly pooled rates stand beside the plain ones and change nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from auditkit.evidence.tally import Tally
from auditkit.fairness.families.crossings import POOLED
from auditkit.fairness.groups.check import GroupFairness
from auditkit.stats.partial_pooling import partially_pooled


def tally(n: int = 2_000) -> Tally:
    rng = np.random.default_rng(0)
    groups = {"a": rng.choice(["x", "y"], n, p=[0.9, 0.1]), "b": rng.choice(list("pqrs"), n, p=[0.6, 0.3, 0.09, 0.01])}
    pred = rng.random(n) < 0.3 + 0.2 * (groups["a"] == "y")
    return Tally.of(groups, y_true=(rng.random(n) < 0.5).astype(int), y_pred=pred.astype(int))


def test_crossings_are_ranked_by_pooled_rates_and_judged_by_plain_ones() -> None:
    found = {f.id: f for f in GroupFairness(metrics=["selection_rate"]).assess(tally()).findings}
    crossed = found["fairness/selection_rate/difference/a+b"]
    (table,) = crossed.exhibits
    assert table.kind == "table"
    assert table.columns == ("a", "b", "Counted", "Rate", "Lower limit", "Upper limit", POOLED, "From", "To")
    by_group = {tuple(g.group.values()): g.estimate for g in crossed.by_group}
    k, n = ([getattr(e, part) for e in by_group.values()] for part in ("numerator", "denominator"))
    expected = dict(zip(by_group, partially_pooled(k, n, level=0.95).rates, strict=True))
    assert {r[:2] for r in table.rows} == set(by_group)
    for row in table.rows:
        e = by_group[row[0], row[1]]  # type: ignore[index]
        assert row[2:6] == (e.denominator, e.value, e.low, e.high)
        assert row[6] == pytest.approx(expected[row[0], row[1]])  # type: ignore[index]
    drawn = [r[6] for r in table.rows]
    assert drawn == sorted(drawn, key=float)  # type: ignore[arg-type]
    kept = [e.value for e in by_group.values() if (e.denominator or 0) >= 10]
    assert crossed.estimate.value == pytest.approx(max(kept) - min(kept))  # type: ignore[type-var,operator]
    assert any("decide nothing" in note for note in crossed.notes)


def test_one_attribute_and_other_comparisons_have_no_such_table() -> None:
    for f in GroupFairness(metrics=["selection_rate"]).assess(tally()).findings:
        assert bool(f.exhibits) == (len(f.by) > 1 and f.comparison == "difference"), f.id
