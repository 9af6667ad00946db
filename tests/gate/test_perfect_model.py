"""Would a model that makes no mistake pass? Held to really giving the truth as predictions, and auditing again."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.catalogue.index import METRICS, rates
from auditkit.catalogue.perfect import of_right_decisions
from auditkit.evidence.tally import Tally
from auditkit.fairness.groups.check import GroupFairness, answering
from auditkit.judging import judge
from auditkit.question import Question
from auditkit.records import CHANGES, DataProvenance, ModelProvenance, Provenance, Report, StoredEvidence, Verdict

COMPARED = ("difference", "ratio", "group_min", "group_max", "difference_to_overall", "ratio_to_overall", "overall")


def table(seed: int, *, groups: int = 2, rows: int = 600) -> pd.DataFrame:
    """Base rates that differ by chance or by much, and decisions that err."""
    rng = np.random.default_rng(seed)
    g = rng.integers(0, groups, rows)
    base = rng.uniform(0.1, 0.7, groups) if seed % 3 else np.full(groups, rng.uniform(0.2, 0.6))
    y = (rng.random(rows) < base[g]).astype(int)
    p = np.where(rng.random(rows) < 0.2, 1 - y, y)
    return pd.DataFrame({"g": [f"g{i}" for i in g], "y": y, "p": p})


def audited(frame: pd.DataFrame, predicted: str, rules: list[dict[str, Any]], **given: Any) -> Report:
    """A report of counts alone, judged: what a stored report has."""
    tally = Tally.of({"g": frame.g}, y_true=codes(frame.y), y_pred=codes(frame[predicted]), **given)
    provenance = Provenance(
        auditkit=ak.__version__,
        created=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        model=ModelProvenance(kind="predictions"),
        data=DataProvenance(rows=len(frame), sensitive_features=("g",)),
    )
    evidence = {"group_fairness": StoredEvidence(type="Tally", data=tally.to_json())}
    return judge(Report(provenance=provenance, evidence=evidence), {"rule": rules})


def codes(values: pd.Series) -> Any:
    return values.fillna(-1).to_numpy(int)


def rule(id: str, seed: int, **more: Any) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    comparison = COMPARED[int(rng.integers(len(COMPARED)))]
    by = [] if comparison == "overall" else ["g"]
    limit = {"at_least": float(rng.uniform(0.3, 1))} if "ratio" in comparison or comparison == "group_min" else {}
    limit = limit or {"at_most": float(rng.uniform(0.02, 0.6))}
    return {"id": id, "metric": "selection_rate", "comparison": comparison, "by": by, **limit, **more}


def agree(judged: Verdict, again: Verdict) -> None:
    assert judged.perfect is not None
    assert judged.perfect.status == again.status, (judged.rule, judged.perfect, again)


@pytest.mark.parametrize("tables", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_tables_audited_again_with_the_truth_as_predictions_get_the_same_verdicts(tables: int) -> None:
    told = set()
    for seed in range(tables):
        frame = table(seed, groups=2 + seed % 4)
        rules = [rule(f"r{i}", 10 * seed + i) for i in range(1 + seed % 3)]
        if seed % 2:  # they share their error with rules that right decisions meet by construction
            rules.append({"id": "t", "metric": "true_positive_rate", "comparison": "group_min", "by": ["g"]})
            rules[-1]["at_least"] = 0.5
        here, again = audited(frame, "p", rules), audited(frame, "y", rules)
        for mine, other in zip(here.verdicts, again.verdicts, strict=True):
            agree(mine, other)
            told.add(other.status)
    assert told == {"pass", "fail", "inconclusive"}


@pytest.mark.parametrize("kind", ["weights", "clusters", "strata", "missing truths"])
def test_the_same_of_rows_that_are_no_plain_sample(kind: str) -> None:
    for seed in range(6):
        frame, rng = table(seed, groups=2 + seed % 2), np.random.default_rng(seed)
        given: dict[str, Any] = {}
        if kind == "weights":
            given = {"sample_weight": rng.uniform(0.5, 3, len(frame))}
        elif kind == "clusters":
            given = {"cluster": rng.integers(0, 150, len(frame))}
        elif kind == "strata":
            given = {"strata": rng.choice(list("abc"), len(frame))}
        else:
            frame["y"] = frame["y"].astype("Int64").mask(rng.random(len(frame)) < 0.1)
        rules = [rule(f"r{i}", 10 * seed + i) for i in range(2)]
        both = audited(frame, "p", rules, **given), audited(frame, "y", rules, **given)
        for mine, other in zip(*(r.verdicts for r in both), strict=True):
            agree(mine, other)


def test_an_audit_of_rows_says_the_same() -> None:
    frame, rules = table(4, groups=3), [rule("r0", 4), rule("r1", 5)]
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["g"])
    both = [
        ak.audit(ak.Predictions(p), data, checks=[GroupFairness()], policy={"rule": rules}).verdicts for p in ("p", "y")
    ]
    for mine, other in zip(*both, strict=True):
        agree(mine, other)


def test_what_right_decisions_are_by_construction_is_what_they_give() -> None:
    """Every metric that GroupFairness knows, of right decisions in random tables."""
    known = [*rates(), *(n for n, m in METRICS.items() if m.kind == "composite" and "binary" in m.tasks)]
    for seed in range(5):
        frame = table(seed, groups=3)
        tally = Tally.of({"g": frame.g}, y_true=frame.y, y_pred=frame.y)
        for metric in known:
            value = of_right_decisions(metric).value
            if value is None or METRICS[metric].right is not None:  # what has no truth is even by construction
                continue
            for comparison in METRICS[metric].comparisons:
                if "reference" in comparison or "rest" in comparison or comparison in CHANGES:
                    continue
                by = () if comparison == "overall" else ("g",)
                found = answering(tally, Question(metric, comparison, by))
                assert found is not None
                got = found.finding(comparison).estimate.value  # type: ignore[arg-type]
                expected = 0.0 if comparison.startswith("difference") else 1.0 if "ratio" in comparison else value
                if comparison.startswith("ratio") and not value:
                    assert got is None, (metric, comparison)
                else:
                    assert got == pytest.approx(expected, abs=1e-12), (metric, comparison)


def test_gaps_in_errors_are_met_by_construction_and_with_the_reason() -> None:
    rules = [
        {"id": m, "metric": m, "comparison": "difference", "by": ["g"], "at_most": 0.01}
        for m in ("true_positive_rate", "false_positive_rate", "accuracy", "equalized_odds", "f1")
    ]
    for v in audited(table(1), "p", rules).verdicts:
        assert v.perfect is not None
        assert (v.perfect.status, v.perfect.by_construction) == ("pass", True)
        assert v.perfect.reason == "Right decisions leave differences of 0.0 points, by construction."


def test_what_is_not_known_says_why() -> None:
    rules = [
        {"id": "a", "metric": "false_positive_rate", "comparison": "ratio", "by": ["g"], "at_least": 0.8},
        {"id": "b", "metric": "selection_rate_dispersion", "comparison": "difference", "by": ["g"], "at_most": 0.1},
    ]
    told = [v.perfect for v in audited(table(1), "p", rules).verdicts]
    assert [p and p.status for p in told] == ["not_measured"] * 2
    assert all(p is not None and p.reason.startswith("Not known: ") for p in told)


def test_a_stored_report_says_the_same_and_an_old_one_nothing(tmp_path: Any) -> None:
    rules = [rule("r", 3), {"id": "t", "metric": "accuracy", "comparison": "overall", "at_least": 0.5}]
    report = audited(table(4), "p", rules)
    stored = Report.load(report.save(tmp_path / "r.json"))
    assert judge(stored, {"rule": rules}).verdicts == stored.verdicts == report.verdicts
    old = stored.model_dump(mode="json")
    for v in old["verdicts"]:
        del v["perfect"]
    assert all(v.perfect is None for v in Report.model_validate(old).verdicts)


def test_one_class_of_several_is_asked_of_its_own_truth() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": rng.choice(["a", "b"], 600)})
    frame["y"] = np.where(rng.random(600) < np.where(frame.g == "a", 0.7, 0.2), "x", rng.choice(["y", "z"], 600))
    frame["p"] = np.where(rng.random(600) < 0.3, rng.choice(["x", "y", "z"], 600), frame.y)
    rules = [
        {"id": label, "metric": "selection_rate", "comparison": "difference", "by": ["g"], "label": label}
        | {"at_most": 0.2}
        for label in "xyz"
    ]
    data = ak.Dataset(frame, y_true="y", task="multiclass", sensitive_features=["g"])
    both = [ak.audit(ak.Predictions(p), data, checks=["class_fairness"], policy={"rule": rules}).verdicts for p in "py"]
    for mine, other in zip(*both, strict=True):
        agree(mine, other)
