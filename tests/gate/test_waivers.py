"""A waiver stands beside a status: the exit status forgives, and every page, table and file still says what failed."""

from __future__ import annotations

import datetime
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import auditkit as ak
from auditkit.records import Report
from auditkit.report.html.page import render
from auditkit.report.junit import render as junit
from auditkit.report.verdict_words import headline
from tests.helpers import run_cli
from tests.report.test_answers import section, words

LAST = datetime.date(2027, 1, 31)
WAIVER = {"rule": "equal", "reason": "41 <b>rows</b>", "approved_by": "risk board", "expires": LAST.isoformat()}
RULES = [
    {"id": "equal", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.1},
    {"id": "right", "metric": "accuracy", "comparison": "overall", "at_least": 0.2},
]
UNKNOWN = {"id": "lost", "metric": "selection_rate", "comparison": "difference", "by": ["age"], "at_most": 0.1}


def audited(*waivers: dict[str, Any], rules: list[dict[str, Any]] | None = None) -> Report:
    sex = ["f", "m"] * 200
    rows = {"sex": sex, "y": [i % 3 == 0 for i in range(400)], "p": [s == "m" or i % 7 == 0 for i, s in enumerate(sex)]}
    data = ak.Dataset(pd.DataFrame(rows), y_true="y", positive=True, sensitive_features=["sex"])
    policy = {"rule": rules or RULES, "waiver": list(waivers)}
    return ak.audit(ak.Predictions("p"), data, checks=["group_fairness"], name="hiring", policy=policy)


def on(day: datetime.date, monkeypatch: pytest.MonkeyPatch) -> None:
    noon = datetime.datetime.combine(day, datetime.time(12), datetime.UTC)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(noon.timestamp())))


def verdict(report: Report, rule: str = "equal") -> Any:
    return next(v for v in report.verdicts if v.rule.id == rule)


def test_it_holds_through_its_last_day_and_not_after(monkeypatch: pytest.MonkeyPatch) -> None:
    for days, expired in ((-1, False), (0, False), (1, True)):
        on(LAST + datetime.timedelta(days), monkeypatch)
        report = audited(WAIVER)
        v = verdict(report)
        assert (v.status, report.outcome) == ("fail", "failed"), "the status stays"
        assert (v.waiver.expired, v.blocks, report.passed) == (expired, expired, not expired)
        if expired:
            with pytest.raises(ak.PolicyViolation, match="the audit failed its policy:\n  equal: "):
                report.raise_for_status()
        else:
            with pytest.warns(ak.AuditWarning, match="forgiven by the policy:\n  equal: "):
                report.raise_for_status()


def test_a_stored_report_is_judged_on_the_day_of_judging(monkeypatch: pytest.MonkeyPatch) -> None:
    on(LAST, monkeypatch)
    stored = Report.from_json(audited(WAIVER).to_json())
    assert verdict(stored).waived
    on(LAST + datetime.timedelta(1), monkeypatch)
    assert verdict(stored).waived, "what was judged stays as it was judged"
    assert not ak.judge(stored, {"rule": RULES, "waiver": [WAIVER]}).passed


def test_only_what_is_not_met_is_waived_whatever_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    on(LAST, monkeypatch)
    report = audited(*({**WAIVER, "rule": r} for r in ("equal", "right", "lost")), rules=[*RULES, UNKNOWN])
    assert {v.rule.id: (v.status, v.waiver is not None) for v in report.verdicts} == {
        "equal": ("fail", True),
        "right": ("pass", False),
        "lost": ("not_measured", True),
    }
    assert report.passed
    assert not audited({**WAIVER, "rule": "lost"}, rules=[*RULES, UNKNOWN]).passed, "the failed rule has none"


def test_an_unwaived_audit_is_stored_as_before() -> None:
    assert '"waiver"' not in audited().to_json()


def test_every_place_says_both(monkeypatch: pytest.MonkeyPatch) -> None:
    on(LAST, monkeypatch)
    report = audited(WAIVER)
    assert headline(report) == "hiring fails its fairness policy: 1 failed, 1 passed; 1 waived"
    page = render(report)
    told = "Waived until 31 January 2027, which leaves it unmet: 41 <b>rows</b> (risk board)."
    assert told.replace("<", "&lt;").replace(">", "&gt;") in page
    assert "hiring fails its fairness policy" in words(page)
    assert "1 failed, 1 of them waived" in words(page)
    assert "risk board 31 January 2027" in words(section(page, "sign-off"))
    case = ET.fromstring(junit(report)).find(".//testcase[@name='equal']")
    assert case is not None
    skipped = case.find("skipped")
    assert skipped is not None
    assert skipped.get("message", "").startswith("fail: ")
    assert told in skipped.get("message", "")
    on(LAST + datetime.timedelta(1), monkeypatch)
    late = render(audited(WAIVER))
    assert "Its waiver expired on 31 January 2027, and forgives nothing" in late
    assert "of them waived" not in late


def test_the_command_forgives_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on(LAST, monkeypatch)
    report = tmp_path / "r.json"
    audited().save(report)
    rule = "\n".join(f"{k} = {v!r}".replace("'", '"') for k, v in RULES[0].items())
    waiver = "\n".join(f'{k} = "{v}"' if k != "expires" else f"{k} = {v}" for k, v in WAIVER.items())
    policy = tmp_path / "p.toml"
    policy.write_text(f"[[rule]]\n{rule}\n")
    assert run_cli(["gate", str(report), "--policy", str(policy)])[0] == 1
    policy.write_text(f"[[rule]]\n{rule}\n[[waiver]]\n{waiver}\n")
    status, out, _ = run_cli(["gate", str(report), "--policy", str(policy)])
    assert status == 0
    assert "Failed" in out
    assert "waived" in out
    on(LAST + datetime.timedelta(1), monkeypatch)
    status, out, _ = run_cli(["gate", str(report), "--policy", str(policy)])
    assert status == 1
    assert "waiver expired" in " ".join(out.split())
