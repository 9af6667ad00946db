"""Comparisons to a reference group and to the rest: slow twins over rows, Newcombe of statsmodels, laws, errors."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta
from statsmodels.stats.proportion import confint_proportions_2indep

from auditkit.catalogue.index import METRICS
from auditkit.errors import PolicyError
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.against import TO_REFERENCE
from auditkit.fairness.groups.check import GroupFairness, answering
from auditkit.judging import judge
from auditkit.question import Question
from auditkit.records import (
    CHANGES,
    Comparison,
    DataProvenance,
    Finding,
    ModelProvenance,
    Provenance,
    Report,
    StoredEvidence,
)
from auditkit.stats.comparisons import Comparisons, Quantity
from tests.helpers import reassessing

reassess, p_value_of = reassessing(answering)

RATES = {"a": (120, 400), "b": (150, 380), "c": (30, 150)}


def tally(counts: dict[str, tuple[int, int]]) -> Tally:
    g = np.repeat(list(counts), [n for _, n in counts.values()])
    p = np.concatenate([np.arange(n) < k for k, n in counts.values()])
    return Tally.of({"g": g}, y_true=np.zeros(len(g), dtype=int), y_pred=p)


def asked(t: Tally, comparison: Comparison, reference: str | None = None, **options: object) -> Finding:
    to = None if reference is None else {"g": reference}
    found = reassess(t, Question("selection_rate", comparison, ("g",), level=0.95, reference=to, **options))  # type: ignore[arg-type]
    assert found is not None
    return found


def test_values_are_the_definition() -> None:
    p = {g: k / n for g, (k, n) in RATES.items()}
    t = tally(RATES)
    assert asked(t, "difference_to_reference", "b").estimate.value == pytest.approx(p["b"] - p["c"])
    assert asked(t, "ratio_to_reference", "a").estimate.value == pytest.approx(min(p["a"] / p["b"], p["c"] / p["a"]))
    total_k, total_n = (sum(x) for x in zip(*RATES.values(), strict=True))
    rest = {g: (total_k - k) / (total_n - n) for g, (k, n) in RATES.items()}
    assert asked(t, "difference_to_rest").estimate.value == pytest.approx(max(abs(p[g] - rest[g]) for g in p))
    folded = [min(p[g] / rest[g], rest[g] / p[g]) for g in p]
    assert asked(t, "ratio_to_rest").estimate.value == pytest.approx(min(folded))


def test_two_groups_are_newcombe() -> None:
    t = tally({g: RATES[g] for g in "ab"})
    low, high = confint_proportions_2indep(150, 380, 120, 400, method="newcomb")
    both = [asked(t, "difference_to_reference", g).estimate for g in "ab"]
    for e in (*both, asked(t, "difference_to_rest").estimate):
        assert (e.low, e.high) == pytest.approx((low, high), abs=1e-9)
        assert e.mde is not None
    between = asked(t, "ratio").estimate
    for kind, reference in (("ratio_to_reference", "a"), ("ratio_to_rest", None)):
        e = asked(t, kind, reference).estimate  # type: ignore[arg-type]
        assert (e.value, e.low, e.high) == pytest.approx((between.value, between.low, between.high), abs=1e-9)


def test_more_groups_are_sidak_with_exact_limits_below_and_newcombe_above() -> None:
    """A slow twin from the definition, with the Beta quantiles of scipy.stats."""
    tail = (1 - 0.95 ** (1 / 2)) / 2

    def exact(k: int, n: int) -> tuple[float, float, float]:
        return k / n, float(beta.ppf(tail, k, n - k + 1)), float(beta.ppf(1 - tail, k + 1, n - k))

    lows, highs = [], []
    r, rl, ru = exact(*RATES["a"])
    for g in "bc":
        p, low, high = exact(*RATES[g])
        lower = p - r - np.hypot(p - low, ru - r)
        upper = p - r + np.hypot(high - p, r - rl)
        lows.append(max(lower, -upper))
        a, b = confint_proportions_2indep(*RATES[g], *RATES["a"], method="newcomb")
        highs.append(max(-a, b))
    e = asked(tally(RATES), "difference_to_reference", "a").estimate
    assert e.low == pytest.approx(max(0.0, *lows), abs=1e-9)
    assert e.high == pytest.approx(max(highs), abs=1e-9)


def test_the_lower_limit_is_simultaneous() -> None:
    """Five equal groups without a difference: a gap is claimed in at most 5 % of runs and three standard errors."""
    rng = np.random.default_rng(1)
    runs, to_reference, to_rest = 600, 0, 0

    def rates(k: Any, n: Any) -> Quantity:
        return lambda q, method: method(k, n, q)

    for _ in range(runs):
        k, n = rng.binomial(200, 0.3, 5), np.full(5, 200)
        one, rest = rates(k[:1], n[:1]), rates(k.sum() - k, n.sum() - n)
        to_reference += Comparisons(rates(k[1:], n[1:]), 4, 0.95, other=one).interval("difference_to_reference").low > 0
        to_rest += Comparisons(rates(k, n), 5, 0.95, other=rest).interval("difference_to_rest").low > 0
    most = 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5
    assert 0 < to_reference / runs <= most
    assert 0 < to_rest / runs <= most


def test_the_check_adds_comparisons_to_its_reference() -> None:
    t = tally(RATES)
    plain, more = GroupFairness(), GroupFairness(reference={"g": "b"})
    before = plain.assess(t).findings
    added = [f for f in more.assess(t).findings if f not in before]
    assert {f.id for f in added} == {
        f"fairness/{m}/{kind}/g=b" for m in plain.metrics for kind in TO_REFERENCE
    }  # fmt: skip
    assert all(f.reference == {"g": "b"} for f in added)
    assert plain.options() == {"by": None, "metrics": list(plain.metrics)}
    assert GroupFairness(**more.options()) == more
    (table,) = next(f for f in added if f.id.startswith("fairness/selection_rate/diff")).exhibits
    assert table.kind == "table"
    assert [row[0] for row in table.rows] == ["a", "c"]
    assert table.rows[0][2] == pytest.approx(120 / 400 - 150 / 380)


def test_crossings_need_the_whole_reference() -> None:
    t = Tally.of({"sex": list("fm") * 100, "race": list("aabb") * 50}, y_true=[0] * 200, y_pred=[0, 1, 1, 1] * 50)
    ids = {f.id for f in GroupFairness(reference={"sex": "m"}).assess(t).findings if f.reference}
    assert all(i.endswith("/sex=m") for i in ids)
    ids = {f.id for f in GroupFairness(reference={"race": "a", "sex": "m"}).assess(t).findings if f.reference}
    assert "fairness/accuracy/ratio_to_reference/sex=m+race=a" in ids


def test_references_that_do_not_exist() -> None:
    t = tally(RATES | {"Male": (2, 5)})
    with pytest.raises(PolicyError, match=r"no group 'Mal' of 'g' to be the reference; .*Did you mean 'Male'\?"):
        GroupFairness(reference={"g": "Mal"}).assess(t)
    with pytest.raises(PolicyError, match="no sensitive feature 'gg' for the reference group"):
        GroupFairness(reference={"gg": "Male"}).assess(t)
    with pytest.raises(PolicyError, match=r"Did you mean 'Male'\?"):
        asked(t, "difference_to_reference", "male")
    e = asked(t, "difference_to_reference", "Male").estimate
    assert (e.value, e.state, e.note) == (None, "sparse", "the reference group Male has only 5 to count")
    e = asked(tally({"a": (3, 50)}), "difference_to_reference", "a").estimate
    assert (e.value, e.note) == (None, "one group only: there is nothing to compare")


def report() -> Report:
    check, t = GroupFairness(reference={"g": "a"}), tally(RATES)
    return Report(
        provenance=Provenance(
            auditkit="0", created=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
            model=ModelProvenance(kind="predictions"), data=DataProvenance(rows=930, sensitive_features=("g",)),
        ),
        findings=check.assess(t).findings,
        evidence={check.name: StoredEvidence(type="Tally", options=check.options(), data=t.to_json())},
    )  # fmt: skip


def test_rules_name_a_reference_or_the_rest() -> None:
    rule = {"metric": "selection_rate", "comparison": "difference_to_reference", "by": "g", "at_most": 0.05}
    rules = [
        {**rule, "id": "stored", "reference": "a"},
        {**rule, "id": "other", "reference": "b"},
        {**rule, "id": "rest", "comparison": "difference_to_rest"},
        {**rule, "id": "f1", "metric": "average_odds_difference", "comparison": None, "reference": "c"},
    ]
    policy = {"rule": [{k: v for k, v in r.items() if v is not None} for r in rules]}
    judged = judge(report(), policy)
    assert [v.finding for v in judged.verdicts] == [
        "fairness/selection_rate/difference_to_reference/g=a", "fairness/selection_rate/difference_to_reference/g=b",
        "fairness/selection_rate/difference_to_rest/g", "fairness/average_odds/difference_to_reference/g=c",
    ]  # fmt: skip
    values = [v.estimate.value for v in judged.verdicts if v.estimate]
    assert values[0] == pytest.approx(0.1)
    assert values[1] == pytest.approx(150 / 380 - 0.2)
    assert len({f.id for f in judged.findings}) == len(judged.findings)
    with pytest.raises(PolicyError, match="no group 'z' of 'g'"):
        judge(report(), {"rule": [{**rule, "id": "z", "reference": "z"}]})
    assert Report.from_json(judged.to_json()) == judged


@pytest.mark.parametrize("metric", ["selection_rate", "mcc", "f1", "balanced_accuracy", "equalized_odds_mean"])
def test_p_is_below_alpha_exactly_when_the_interval_is_beyond_the_limit(metric: str) -> None:
    rng = np.random.default_rng(3)
    y = rng.random(1200) < 0.4
    g = rng.choice(list("abc"), 1200)
    p = rng.random(1200) < np.where(y, 0.7, 0.25) + 0.12 * (g == "b")
    t = Tally.of({"g": g}, y_true=y.astype(int), y_pred=p.astype(int))
    kinds = [c for c in METRICS[metric].comparisons if not c.endswith("overall") and c not in CHANGES]
    for kind in kinds:
        options = {"reference": {"g": "a"}} if "reference" in kind else {}
        for level in (0.8, 0.95, 0.99):
            found = reassess(t, Question(metric, kind, ("g",), level=level, **options))  # type: ignore[arg-type]
            assert found is not None
            e = found.estimate
            assert e.low is not None
            assert e.high is not None
            inner = e.low if kind.startswith("difference") or kind == "group_max" else e.high
            above = inner == e.low
            if metric == "mcc" and level == 0.99:
                continue  # quantiles of draws move in steps there
            for limit in (inner - 0.004, inner + 0.004):
                beyond = e.low > limit if above else e.high < limit
                p_value = p_value_of(t, Question(metric, kind, ("g",), **options), limit, above=above)  # type: ignore[arg-type]
                assert p_value is not None
                assert (p_value < 1 - level) == beyond, (kind, level, limit, p_value)


def test_the_page_draws_them() -> None:
    from auditkit.report.html.page import render

    rule = {"metric": "selection_rate", "by": ["g"], "at_most": 0.01}
    rules = [
        {**rule, "id": "ref", "comparison": "difference_to_reference", "reference": "a"},
        {**rule, "id": "rest", "comparison": "difference_to_rest"},
    ]
    for asked_rules in ([rules[0]], [rules[1]], rules):
        page = render(judge(report(), {"rule": asked_rules}))
        assert "differs from" in page
