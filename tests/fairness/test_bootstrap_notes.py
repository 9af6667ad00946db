"""Bootstrap quantiles as notes: fairlearn's own bootstrap is the oracle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, selection_rate

from auditkit.errors import PolicyError
from auditkit.evidence.bootstrap import Bootstrap
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.rates import compared
from auditkit.fairness.groups.check import GroupFairness


def rows() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    n = 900
    groups = pd.DataFrame({"race": rng.choice(list("abc"), n)})
    return groups, rng.integers(0, 2, n), (rng.random(n) < 0.3).astype(int)


def test_quantiles_are_those_of_fairlearns_bootstrap() -> None:
    groups, y_true, y_pred = rows()
    frame = MetricFrame(
        metrics=selection_rate, y_true=y_true, y_pred=y_pred, sensitive_features=groups["race"],
        n_boot=200, ci_quantiles=[0.1, 0.5, 0.9], random_state=0,
    )  # fmt: skip
    boot = Bootstrap.of(Tally.of(groups, y_true=y_true, y_pred=y_pred), n=4_000)
    rates = boot.rate([(0, 1), (1, 1)], [(0, 0), (0, 1), (1, 0), (1, 1)], "race")
    theirs = np.array([q.to_numpy() for q in frame.by_group_ci])
    np.testing.assert_allclose(np.quantile(rates, [0.1, 0.5, 0.9], axis=0), theirs, atol=0.008)
    k = boot.count([(0, 1), (1, 1)], "race").astype(float)
    n = boot.count([(0, 0), (0, 1), (1, 0), (1, 1)], "race").astype(float)
    for kind, found in (
        ("difference", frame.difference_ci()),
        ("ratio", frame.ratio_ci()),
        ("difference_to_overall", frame.difference_ci(method="to_overall")),
        ("ratio_to_overall", frame.ratio_ci(method="to_overall")),
    ):
        ours = np.quantile(compared(k, n, kind), [0.1, 0.5, 0.9])
        np.testing.assert_allclose(ours, found, atol=0.04 if "ratio" in kind else 0.012)


def test_notes_stand_beside_intervals_that_do_not_change() -> None:
    groups, y_true, y_pred = rows()
    tally = Tally.of(groups, y_true=y_true, y_pred=y_pred)
    check = GroupFairness(metrics=["selection_rate"], n_boot=200, ci_quantiles=(0.05, 0.5))
    assert GroupFairness(**check.options()) == check
    assert "n_boot" not in GroupFairness().options()
    plain = GroupFairness(metrics=["selection_rate"]).assess(tally).findings
    for f, g in zip(check.assess(tally).findings, plain, strict=True):
        assert f.estimate == g.estimate
        added = f.notes[len(g.notes) :]
        if f.comparison == "overall":
            assert added == ()
        else:
            assert added[0].startswith("bootstrap, 200 replicates: quantiles ")
            assert "(0.05)" in added[0]
            assert "no confidence interval" in added[0]


@pytest.mark.parametrize("wrong", [{"n_boot": 0}, {"n_boot": 1.5}, {"n_boot": 10, "ci_quantiles": [2.0]}])
def test_errors_say_what_is_wrong(wrong: dict[str, object]) -> None:
    with pytest.raises(PolicyError, match="must be"):
        GroupFairness(**wrong)
