"""What points at a line of the policy: levels, lines, and that a gate writes what it judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auditkit.records import Report, Required, Waived
from auditkit.report import schema
from auditkit.report.formats import render
from auditkit.report.open_rules import open_rules
from tests.helpers import run_cli

REPORT = Report.load("reports/samples/income.json")


def with_first(**changes: object) -> Report:
    """The demo's report, whose first rule failed, with its verdict or its rule changed."""
    first = REPORT.verdicts[0]
    rule = {k: x for k, x in changes.items() if k in type(first.rule).model_fields}
    verdict = {k: x for k, x in changes.items() if k not in rule}
    first = first.model_copy(update={"rule": first.rule.model_copy(update=rule), **verdict})
    return REPORT.model_copy(update={"verdicts": (first, *REPORT.verdicts[1:])})


WAIVED = Waived(reason="collecting", approved_by="board", expires="2027-01-31", expired=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "error"),
        ({"severity": "warning"}, "warning"),
        ({"waiver": WAIVED}, "warning"),
        ({"waiver": WAIVED.model_copy(update={"expired": True})}, "error"),
        ({"status": "inconclusive"}, "warning"),
        ({"status": "inconclusive", "on_inconclusive": "fail"}, "error"),
        ({"status": "inconclusive", "on_inconclusive": "pass"}, "note"),
        ({"status": "not_measured"}, "error"),
        ({"status": "not_measured", "on_not_measured": "warn", "severity": "warning"}, "note"),
        ({"status": "pass"}, None),
    ],
)
def test_a_level_says_whether_a_rule_stands_in_the_way(changes: dict[str, object], level: str | None) -> None:
    report = with_first(**changes)
    found = {o.id: o.level for o in open_rules(report)}
    assert found.get("four-fifths-gender") == level
    assert (level == "error") == report.verdicts[0].blocks


def test_what_is_required_and_was_not_assessed_is_told() -> None:
    lost = Required(need="attribute", what=("age",), source="company.toml:3", state="left_out", reason="Nobody asked.")
    report = REPORT.model_copy(update={"required": (lost,)})
    assert [(o.id, o.level) for o in open_rules(report)][-1] == ("required: groups of age", "error")
    assert "::error file=auditkit.toml,line=1,title=required%3A groups of age::" in render(report, "github")
    last = json.loads(render(report, "sarif"))["runs"][0]["results"][-1]
    assert "company.toml:3" in last["message"]["text"]
    assert json.loads(render(report, "in-toto"))["predicate"]["failedTests"][-1] == "required: groups of age"


def test_a_message_has_group_metric_value_interval_and_limit() -> None:
    result = json.loads(render(REPORT, "sarif", policy_file="ethics/auditkit.toml"))["runs"][0]["results"][0]
    text = result["message"]["text"]
    assert text.startswith("Failed: Women are selected at least 0.80 times as often as men (selection_rate, ratio by ")
    for part in ("Value: 0.34, interval 0.31 to 0.39", "at least 0.80", "women 8.6%, men 25.3%", "beyond the limit"):
        assert part in text
    v = REPORT.verdicts[0]
    assert v.estimate is not None
    told = result["properties"]
    assert (told["value"], told["low"], told["high"]) == (v.estimate.value, v.estimate.low, v.estimate.high)
    assert told["groups"] == [{"gender": "Female"}, {"gender": "Male"}]
    line = Path("auditkit/demo/auditkit.toml").read_text().split("\n")[v.rule.line - 1 :][:2]  # type: ignore[operator]
    assert line == ["[[rule]]", 'id = "four-fifths-gender"']
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == v.rule.line


def test_a_gate_writes_what_it_judged_and_nothing_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = Path("reports/samples/income.json").absolute()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ethics").mkdir()
    rule = '[[rule]]\nid = "a"\nmetric = "accuracy"\ncomparison = "overall"\nat_least = 0.99\n'
    (tmp_path / "ethics" / "gate.toml").write_text(f"\n\n{rule}")
    asked = ["gate", str(stored), "--policy", "ethics/gate.toml"]
    assert run_cli(asked)[0] == 1
    assert not (tmp_path / "reports").exists()
    status, _, err = run_cli([*asked, "--format", "sarif", "--format", "github", "--out", "told"])
    assert status == 1, err
    log = json.loads((tmp_path / "told" / "income-gate.sarif").read_text())
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "ethics/gate.toml"}, "region": {"startLine": 3}}
    assert (
        "::error file=ethics/gate.toml,line=3,title=a::" in (tmp_path / "told" / "income-gate.github.txt").read_text()
    )


def test_the_schema_that_is_installed_is_that_of_the_records() -> None:
    assert schema.FILE.read_text(encoding="utf-8") == schema.text(), "`make docs` writes it again"
    assert run_cli(["explain", "report-schema"])[1].strip() == str(schema.FILE)
