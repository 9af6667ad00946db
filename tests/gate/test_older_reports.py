"""Reports that auditkit 0.1.0 wrote, kept: a later one of the same schema reads, draws and judges them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from auditkit.judging import judge
from auditkit.records import Report
from auditkit.report import formats

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.json"))
RULES = {
    "binary_0_1_0": [
        {"id": "gap", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.1},
        {"id": "ranks", "metric": "roc_auc", "comparison": "difference", "by": ["sex"], "at_most": 0.3},
        {"id": "accuracy", "metric": "accuracy", "comparison": "overall", "at_least": 0.5},
    ],
    "regression_0_1_0": [
        {"id": "mae", "metric": "mean_absolute_error", "comparison": "difference", "by": ["sex"], "at_most": 0.5},
    ],
}
STATUS = {"gap": "fail", "ranks": "pass", "accuracy": "pass", "mae": "pass"}


def test_two_are_kept() -> None:
    assert [p.stem for p in FIXTURES] == sorted(RULES)
    assert all(p.stat().st_size < 150_000 for p in FIXTURES)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: p.stem)
def test_an_older_report_is_read_and_drawn(path: Path) -> None:
    report = Report.load(path)
    assert report.provenance.auditkit == "0.1.0"
    assert report.findings
    assert "</html>" in formats.render(report, "html")
    assert ET.fromstring(formats.render(report, "junit")).tag == "testsuites"
    assert Report.from_json(report.to_json()) == report


@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: p.stem)
def test_an_older_report_is_judged(path: Path) -> None:
    judged = judge(Report.load(path), {"rule": RULES[path.stem]})
    assert {v.rule.id: v.status for v in judged.verdicts} == {
        str(r["id"]): STATUS[str(r["id"])] for r in RULES[path.stem]
    }
