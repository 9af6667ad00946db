"""Formats made of a report with hostile names: JUnit parses and counts right, JSON comes back, terminals are safe."""

from __future__ import annotations

import datetime
import io
import json
import os
import stat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from auditkit.errors import AuditWarning, PolicyViolation, ReportError
from auditkit.evidence.tally import Tally
from auditkit.fairness.groups.check import GroupFairness
from auditkit.judging import judge
from auditkit.records import (
    DataProvenance,
    Estimate,
    Finding,
    GroupEstimate,
    ModelProvenance,
    Provenance,
    Report,
    StoredEvidence,
)
from auditkit.report import formats, junit
from auditkit.report.terminal import print_summary
from auditkit.report.verdict_words import headline

HOSTILE = [
    "<img src=x onerror=alert(1)>\"'&",
    "]]>",
    "\x00\x07\x1b[31mred\x1b]0;title\x07",
    "\ufffe\uffff",
    "a\r\nb\tc",
    "\u202eright to left",
    "[bold]markup[/bold] [/]",
    "😀 Größe",
]


def report_of(names: list[str], rules: list[dict[str, Any]] | None = None, name: str = "loan") -> Report:
    check = GroupFairness(metrics=["selection_rate", "true_positive_rate"])
    groups = [n for n in names for _ in range(40)]
    tally = Tally.of(
        {"group": groups},
        y_true=[1, 0] * (len(groups) // 2),
        y_pred=[int(i % 40 < 5 + 3 * (i // 40)) for i in range(len(groups))],
    )
    report = Report(
        name=name,
        provenance=Provenance(
            auditkit="0",
            created=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
            model=ModelProvenance(kind="predictions"),
            data=DataProvenance(rows=len(groups)),
        ),
        findings=check.assess(tally, level=0.95).findings,
        evidence={check.name: StoredEvidence(type="Tally", options=check.options(), data=tally.to_json())},
    )
    return report if rules is None else judge(report, {"rule": rules})


GAP = {"metric": "selection_rate", "comparison": "difference", "by": ["group"]}
EVERY_STATUS = [
    {**GAP, "id": "pass", "at_most": 1.0},
    {**GAP, "id": "fail", "at_most": 0.01},
    {**GAP, "id": "fail, warning", "at_most": 0.01, "severity": "warning"},
    {**GAP, "id": "undecided", "at_most": 0.55},
    {**GAP, "id": "undecided, fails", "at_most": 0.55, "on_inconclusive": "fail"},
    {**GAP, "id": "vanished", "by": ["age"], "at_most": 0.1},
    {**GAP, "id": "vanished, passes", "by": ["age"], "at_most": 0.1, "on_not_measured": "pass"},
]


@pytest.fixture(scope="module")
def judged() -> Report:
    report = report_of(HOSTILE, EVERY_STATUS)
    statuses = ["pass", "fail", "fail", "inconclusive", "inconclusive", "not_measured", "not_measured"]
    assert [v.status for v in report.verdicts] == statuses
    return report


def test_junit_counts_are_those_of_its_cases(judged: Report) -> None:
    suite = ET.fromstring(junit.render(judged)).find("testsuite")
    assert suite is not None
    cases = suite.findall("testcase")
    assert [c.get("name") for c in cases] == [str(r["id"]) for r in EVERY_STATUS]
    kinds = [(c[0].tag if len(c) else "") for c in cases]
    assert kinds == ["", "failure", "skipped", "skipped", "failure", "failure", "skipped"]
    assert suite.get("tests") == "7"
    assert suite.get("failures") == str(kinds.count("failure"))
    assert suite.get("skipped") == str(kinds.count("skipped"))
    assert suite.get("errors") == "0"
    assert cases[2][0].get("message", "").startswith("fail: The whole interval lies beyond")
    assert cases[1][0].text is not None
    assert "at most 1 point" in cases[1][0].text
    assert cases[5][0].text == "selection_rate: no value; at most 10 points"


def test_junit_has_no_failure_exactly_when_the_gate_passes(judged: Report) -> None:
    for rules in (EVERY_STATUS[:1], EVERY_STATUS[2:4], EVERY_STATUS[5:6], EVERY_STATUS):
        report = report_of(HOSTILE, rules)
        failures = ET.fromstring(junit.render(report)).find("testsuite").get("failures")  # type: ignore[union-attr]
        assert (failures == "0") == report.passed


@pytest.mark.parametrize("name", HOSTILE)
def test_junit_holds_hostile_names(name: str) -> None:
    report = report_of(HOSTILE, [{**GAP, "id": name, "at_most": 0.01}], name=name)
    text = junit.render(report)
    case = ET.fromstring(text.encode()).find("testsuite/testcase")
    assert case is not None
    kept = "".join(" " if c == "\t" else c if c.isprintable() else "\ufffd" for c in name)
    assert case.get("name") == kept
    assert "<img" not in text


def test_json_comes_back_byte_for_byte(judged: Report) -> None:
    text = judged.to_json()
    assert Report.from_json(text).to_json() == text
    assert Report.from_json(text.encode()).verdicts[1].rule == judged.verdicts[1].rule
    groups = Report.from_json(text).finding("fairness/selection_rate/difference/group").by_group
    assert [g.group["group"] for g in groups] == sorted(HOSTILE)
    assert "NaN" not in text
    assert "Infinity" not in text
    raw = json.loads(text)
    assert list(raw) == sorted(raw)
    assert raw["schema_version"] == "auditkit.report/1"


def test_json_floats_are_written_in_full(judged: Report) -> None:
    """A stored report is judged exactly as the fresh one was, down to the last digit."""
    again = Report.from_json(judged.to_json())
    assert again == judged
    values = [f.estimate.value for f in again.findings if f.estimate.value is not None]
    assert any(x != float(f"{x:.10g}") for x in values)


def test_a_judged_copy_judges_alike(judged: Report) -> None:
    again = judge(Report.from_json(judged.to_json()), {"rule": EVERY_STATUS})
    assert [(v.status, v.reason, v.finding) for v in again.verdicts] == [
        (v.status, v.reason, v.finding) for v in judged.verdicts
    ]
    assert again.policy == judged.policy
    assert again.findings == Report.from_json(judged.to_json()).findings


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_terminal_gets_no_control_characters(name: str, colour: bool) -> None:
    report = report_of(HOSTILE, [{**r, "id": f"{name}{i}"} for i, r in enumerate(EVERY_STATUS)], name=name)
    out = io.StringIO()
    console = Console(
        file=out, width=200, force_terminal=colour, highlight=False, color_system="standard" if colour else None
    )
    print_summary(report, console)
    text = out.getvalue()
    if colour:
        import re

        text = re.sub("\x1b\\[[0-9;]*m", "", text)  # rich's own colours
        assert "\x1b]" not in text
    assert all(c.isprintable() or c == "\n" for c in text)
    if "markup" in name:
        assert "[bold]markup[/bold] [/]" in text, "names are shown as they are, not read as markup"


def test_the_headline_counts(judged: Report) -> None:
    assert headline(judged) == "loan fails its fairness policy: 2 failed, 2 undecided, 2 not measured, 1 passed"
    assert "without a policy" in headline(report_of(["a", "b"]))
    assert headline(report_of(["a", "b"], EVERY_STATUS[:1])) == "loan meets its one rule: 1 passed"
    assert headline(report_of(["a", "b"], EVERY_STATUS[5:6])).startswith("loan is undecided on its one rule")


def test_outcome_and_raise_for_status(judged: Report) -> None:
    assert (judged.outcome, judged.passed) == ("failed", False)
    with pytest.raises(PolicyViolation, match="the audit failed its policy:") as e:
        judged.raise_for_status()
    assert [line.split(":")[0].strip() for line in str(e.value).splitlines()[1:]] == [
        "fail",
        "undecided, fails",
        "vanished",
    ]
    open_ = report_of(HOSTILE, EVERY_STATUS[4:6])
    assert open_.outcome == "undecided"
    passing = report_of(HOSTILE, [EVERY_STATUS[0], *EVERY_STATUS[2:4], EVERY_STATUS[6]])
    assert (passing.outcome, passing.passed) == ("undecided", True), "forgiven is not decided"
    with pytest.warns(AuditWarning, match="undecided: The interval crosses"):
        passing.raise_for_status()


# ---- writing


def test_save_by_suffix(judged: Report, tmp_path: Path) -> None:
    assert Report.load(judged.save(tmp_path / "deep" / "er" / "a.json")).to_json() == judged.to_json()
    assert ET.fromstring(judged.save(tmp_path / "a.xml").read_text()).tag == "testsuites"
    with pytest.raises(ReportError, match=r"no format writes '\.pdf'; suffixes are \.html, \.json, \.xml"):
        judged.save(tmp_path / "a.pdf")
    assert stat.S_IMODE((tmp_path / "a.xml").stat().st_mode) == 0o644


def test_unknown_format_names_the_nearest(judged: Report) -> None:
    known = ", ".join(formats.FORMATS)
    with pytest.raises(ReportError, match=rf"unknown format 'jason'; known are {known}\. Did you mean 'json'\?"):
        formats.render(judged, "jason")


def test_all_files_or_none(tmp_path: Path) -> None:
    (tmp_path / "b.json").mkdir()  # cannot be replaced by a file
    (tmp_path / "a.json").write_text('{"schema_version": "auditkit.report/1", "old": true}')
    with pytest.raises(ReportError, match=r"cannot write .*b\.json"):
        formats.write({tmp_path / "a.json": "new auditkit", tmp_path / "b.json": "new"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "b.json"]
    assert "old" in (tmp_path / "a.json").read_text()


def test_what_is_no_report_is_not_overwritten(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis.html"
    thesis.write_text("years of work")
    with pytest.raises(
        ReportError, match=r"thesis\.html is there already and is no auditkit report: choose another name"
    ):
        formats.write({tmp_path / "new.json": "auditkit", thesis: "auditkit"})
    assert thesis.read_text() == "years of work"
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.html"]
    thesis.write_text("<!-- not of auditkit -->")  # the word alone makes no report
    with pytest.raises(ReportError, match="is no auditkit report"):
        formats.write({thesis: "new"})
    formats.write({thesis: "new"}, force=True)
    assert thesis.read_text() == "new"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ReportError, match="Permission denied"):
            formats.write({tmp_path / "a.json": "x"})
    finally:
        tmp_path.chmod(0o700)
    assert not list(tmp_path.iterdir())


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(ReportError, match=r"cannot write .*reports"):
        formats.write({tmp_path / "reports" / "a.json": "x"})
    with pytest.raises(ReportError, match=r"cannot write .*reports"):
        formats.write({tmp_path / "reports" / "deep" / "a.json": "x"})
    assert (tmp_path / "reports").read_text() == "a file"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not complete JSON"),
        ('{"schema_version": "auditkit.report/1"', "was it cut short"),
        ("null", "has schema_version None"),
        ('{"schema_version": "auditkit.report/12"}', "A newer auditkit wrote it"),
        ('{"schema_version": "auditkit.report/0"}', r"this auditkit reads 'auditkit\.report/1'$"),
        ('{"schema_version": 1}', "has schema_version 1"),
        ('{"schema_version": "auditkit.report/1"}', "is not an auditkit report: provenance: Field required"),
        ("[" * 100_000, "is not complete JSON"),
    ],
)
def test_what_is_no_report_is_not_read(text: str, message: str) -> None:
    with pytest.raises(ReportError, match=message) as e:
        Report.from_json(text)
    assert "\n" not in str(e.value)


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(ReportError, match="is not complete JSON"):
        Report.from_json(b"\xff\xfe\xfa{}")


def test_a_stored_finding_keeps_the_order_of_its_attributes() -> None:
    """Canonical JSON sorts keys; a group of (sex, race) read back is still (sex, race)."""
    group = GroupEstimate(group={"race": "a", "sex": "f"}, estimate=Estimate(value=0.5))
    other = GroupEstimate(group={"race": "a"}, estimate=Estimate(value=0.5))
    made = Finding(
        id="fairness/x/ratio/sex+race", concern="fairness", title="", statement="", metric="x", comparison="ratio",
        by=("sex", "race"), estimate=Estimate(value=1.0), by_group=(group, other),
    )  # fmt: skip
    read = Finding.model_validate_json(json.dumps(made.model_dump(mode="json"), sort_keys=True))
    for finding in (made, read):
        assert [tuple(g.group.items()) for g in finding.by_group] == [(("sex", "f"), ("race", "a")), (("race", "a"),)]
