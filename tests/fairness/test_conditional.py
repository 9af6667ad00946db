"""Groups at equal control features. Oracles: fairlearn's control_features a stratum, the definition over rows, laws."""

from __future__ import annotations

from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.catalogue.index import METRICS
from auditkit.check import StreamCheck
from auditkit.errors import DataError, PolicyError
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.frame import functions
from auditkit.fairness.groups.conditional import CONDITIONAL, Conditional, ConditionalParity
from auditkit.records import Finding

DEPTS = {"a": 0.7, "b": 0.4, "c": 0.1}


def applicants(n: int = 3_000, seed: int = 0, *, unfair: float = 0.0) -> pd.DataFrame:
    """Women apply where few are admitted: rates differ, and at equal departments only by `unfair`."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], n)
    women = sex == "f"
    dept = np.where(women, rng.choice(list("abc"), n, p=[0.1, 0.3, 0.6]), rng.choice(list("abc"), n, p=[0.6, 0.3, 0.1]))
    chance = np.vectorize(DEPTS.get)(dept) - unfair * women * 0.5
    pred = (rng.random(n) < chance).astype(int)
    race = rng.choice(["x", "y", "z"], n, p=[0.6, 0.3, 0.1])
    return pd.DataFrame({"sex": sex, "race": race, "dept": dept, "y": (rng.random(n) < 0.5).astype(int), "pred": pred})


def tally_of(frame: pd.DataFrame, *columns: str) -> Tally:
    return Tally.of(frame[list(columns)], y_true=frame["y"], y_pred=frame["pred"])


def found(frame: pd.DataFrame, check: ConditionalParity | None = None, **options: Any) -> dict[str, Finding]:
    check = check or ConditionalParity("dept", by=["sex"], **options)
    assert isinstance(check, StreamCheck)
    return {f.id: f for f in check.assess(tally_of(frame, "sex", "race", "dept")).findings}


ID = "fairness/conditional_selection_rate/difference/sex|dept"


@pytest.mark.parametrize("metric", sorted(m.removeprefix(CONDITIONAL) for m in METRICS if m.startswith(CONDITIONAL)))
def test_rates_of_every_stratum_are_fairlearns_and_their_mean_the_definition(metric: str) -> None:
    frame = applicants()
    f = found(frame, metrics=[metric])[f"fairness/{CONDITIONAL}{metric}/difference/sex|dept"]
    oracle = fl.MetricFrame(
        metrics=functions()[metric], y_true=frame["y"], y_pred=frame["pred"],
        sensitive_features=frame["sex"], control_features=frame["dept"],
    )  # fmt: skip
    (table,) = f.exhibits
    assert table.kind == "table"
    means = dict.fromkeys("fm", 0.0)
    for row in table.rows:
        dept, weight = str(row[0]), row[1]
        assert isinstance(weight, float)
        for sex, value in zip("fm", (row[3], row[5]), strict=True):
            assert value == pytest.approx(oracle.by_group[dept, sex], abs=1e-12)
            means[sex] += weight * oracle.by_group[dept, sex]
    assert sum(r[1] for r in table.rows) == pytest.approx(1)  # type: ignore[misc]
    assert f.estimate.value == pytest.approx(abs(means["f"] - means["m"]), abs=1e-12)
    assert [g.estimate.value for g in f.by_group] == pytest.approx([means["f"], means["m"]], abs=1e-12)


def test_the_mix_of_departments_explains_what_the_plain_gap_shows() -> None:
    frame = applicants()
    plain = ak.GroupFairness(by=["sex"], metrics=["selection_rate"]).assess(tally_of(frame, "sex"))
    gap = next(f.estimate for f in plain.findings if f.id == "fairness/selection_rate/difference/sex")
    f = found(frame)[ID]
    assert gap.low is not None
    assert gap.low > 0.2
    assert f.estimate.low == 0
    assert f.statement.startswith("With dept held equal: selected, of everybody: no gap between groups of sex")
    unfair = found(applicants(unfair=0.2))[ID]
    assert unfair.estimate.low
    assert "a gap of" in unfair.statement
    assert sum(n.startswith("Mantel–Haenszel") for n in unfair.notes) == 2


def test_one_level_gives_the_plain_gap_and_says_so() -> None:
    frame = applicants().assign(dept="a")
    f = found(frame)[ID]
    plain = ak.GroupFairness(by=["sex"], metrics=["selection_rate"]).assess(tally_of(frame, "sex"))
    gap = next(p.estimate for p in plain.findings if p.id == "fairness/selection_rate/difference/sex")
    assert (f.estimate.value, f.estimate.low, f.estimate.high) == pytest.approx(
        (gap.value, gap.low, gap.high), abs=1e-9
    )
    assert "dept has one value only, a: these are the plain rates" in f.notes


def test_strata_that_a_group_lacks_are_named_and_left_out() -> None:
    frame = applicants()
    frame = frame[(frame["sex"] == "m") | (frame["dept"] != "a")]
    f = found(frame)[ID]
    assert "strata without a group: f: a" in f.notes
    assert any(n.startswith("standardised over the 2 of 3 strata that all compared groups have") for n in f.notes)
    common = frame[frame["dept"] != "a"]
    assert f.estimate.value == pytest.approx(found(common)[ID].estimate.value)
    apart = frame[(frame["sex"] == "m") == (frame["dept"] == "a")]
    nothing = found(apart)[ID]
    assert nothing.estimate.value is None
    assert "cannot be compared; no stratum of dept holds two groups" in nothing.statement
    alone = found(frame[frame["sex"] == "m"])[ID]
    assert alone.estimate.note == "one group only: there is nothing to compare"


def test_a_small_group_leaves_by_name() -> None:
    frame = pd.concat([applicants(), pd.DataFrame({"sex": ["d"] * 4, "race": "x", "dept": "a", "y": 1, "pred": 1})])
    f = found(frame)[ID]
    assert "left out, fewer than 10 to count in the strata shared: d" in f.notes
    assert [g.estimate.state for g in f.by_group] == ["sparse", "ok", "ok"]
    assert f.estimate.value == pytest.approx(found(applicants())[ID].estimate.value)


def test_p_is_where_the_interval_touches_the_limit() -> None:
    tally = tally_of(applicants(unfair=0.15), "race", "sex", "dept")
    for by in (("sex",), ("race", "sex")):
        for kind, above in (("difference", True), ("ratio", False)):
            limit = 0.05 if above else 0.95
            p = Conditional.of(tally, "selection_rate", by, ("dept",), level=0.95).p_value(kind, limit, above=above)  # type: ignore[arg-type]
            assert p is not None
            assert 1e-6 < p < 0.9
            e = Conditional.of(tally, "selection_rate", by, ("dept",), level=1 - p).finding(kind).estimate  # type: ignore[arg-type]
            assert (e.low if above else e.high) == pytest.approx(limit, abs=1e-4)


def audited(frame: pd.DataFrame, *checks: Any, policy: Any = None, **options: Any) -> ak.Report:
    data = ak.Dataset(frame, y_true="y", sensitive_features=["sex", "race"], **options)
    return ak.audit(ak.Predictions(y_pred="pred"), data, checks=checks, policy=policy)


def rules(*limits: float) -> dict[str, Any]:
    asked = {"metric": "conditional_selection_rate", "comparison": "difference", "by": ["sex"]}
    return {"rule": [asked | {"id": f"r{x}", "at_most": x} for x in limits]}


def test_in_an_audit_with_rules_fresh_and_stored() -> None:
    frame = applicants(unfair=0.4)
    check = ConditionalParity("dept")
    report = audited(frame, ak.GroupFairness(), check, policy=rules(0.02, 0.04, 0.5), control_features="dept")
    assert [v.status for v in report.verdicts] == ["fail", "fail", "pass"]
    stored = ak.Report.from_json(report.to_json())
    assert ak.judge(stored, rules(0.02, 0.04, 0.5)).verdicts == report.verdicts
    again = ak.judge(stored.model_copy(update={"verdicts": ()}), rules(0.02, 0.04, 0.5))
    assert [v.status for v in again.verdicts] == ["fail", "fail", "pass"]
    assert ConditionalParity(**check.options()) == check
    assert {f.id for f in report.findings if "|" in f.id} >= {
        ID,
        "fairness/conditional_selection_rate/ratio/sex+race|dept",
    }
    plain = audited(frame, ak.GroupFairness(), policy=rules(0.02))
    assert plain.verdicts[0].status == "not_measured"


def test_a_rule_that_two_checks_could_answer_is_refused() -> None:
    frame = applicants().assign(level=lambda d: d["dept"].eq("a"))
    checks = (ConditionalParity("dept"), ConditionalParity("level"))
    report = audited(frame, *checks, control_features=["dept", "level"])
    assert len({f.id for f in report.findings}) == len(report.findings)
    with pytest.raises(PolicyError, match=r"rule 'r0.1' cannot choose between"):
        ak.judge(report, rules(0.1))


def test_parts_add_and_order_does_not_matter() -> None:
    frame, check = applicants(), ConditionalParity(["dept"])
    parts = tally_of(frame[1_000:], "sex", "race", "dept") + tally_of(frame[:1_000], "sex", "race", "dept")
    assert check.assess(parts) == check.assess(tally_of(frame, "sex", "race", "dept"))


def test_wrong_input() -> None:
    frame = applicants(200).assign(many=[f"v{i}" for i in range(200)], age=np.arange(200) / 7)
    with pytest.raises(DataError, match=r"'dept' is no control feature.*are none"):
        audited(frame, ConditionalParity("dept"))
    with pytest.raises(DataError, match=r"'dpt' is no control feature.*Did you mean 'dept'"):
        audited(frame, ConditionalParity("dpt"), control_features=["dept"])
    with pytest.raises(DataError, match=r"no column 'dpt' for control_features.*Did you mean 'dept'"):
        audited(frame, ConditionalParity("dpt"), control_features=["dpt"])
    with pytest.raises(DataError, match=r"'y' is the target; it cannot be a control feature"):
        audited(frame, ConditionalParity("y"), control_features=["y"])
    with pytest.raises(DataError, match=r"'age' has 200 distinct numeric values"):
        audited(frame, ConditionalParity("age"), control_features=["age"])
    big = applicants(5_000).assign(many=lambda d: [f"v{i % 250}" for i in range(len(d))])
    with pytest.raises(DataError, match=r"cross to 250 strata; ConditionalParity takes at most 200"):
        audited(big, ConditionalParity("many"), control_features=["many"])
    with pytest.raises(PolicyError, match=r"'f1' is no rate of decisions"):
        ConditionalParity("dept", metrics=["f1"])
    with pytest.raises(PolicyError, match=r"needs a control feature"):
        ConditionalParity([])
    with pytest.raises(PolicyError, match=r"no sensitive feature 'sexx'.*Did you mean 'sex'"):
        audited(frame, ConditionalParity("dept", by=["sexx"]), control_features=["dept"])


def test_a_sensitive_feature_may_be_controlled_for() -> None:
    report = audited(applicants(), ConditionalParity("race"), control_features=["race"])
    assert {f.by for f in report.findings} == {("sex",)}
