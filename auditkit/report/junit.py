"""JUnit XML: one test case a rule, so that any CI shows the gate."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from auditkit.formatting import interval, printable, quantity
from auditkit.records import Report, Verdict
from auditkit.report import required
from auditkit.report.verdict_words import asked, baseline_words, kind_of_verdict, waiver_words, would_pass
from auditkit.report.writing import digest

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""


def render(report: Report) -> str:
    """A `testsuites` document: `failure` for a failed rule, `skipped` for one that stays open without blocking.

    A status that the policy counts as a failure (`on_inconclusive = "fail"`, say) is a `failure` too; a failed rule of
    severity `warning` blocks nothing and is `skipped`, with `fail` in its message. What the organisation requires is a
    case each, of the class `….required`. What rules passed with is the
    `system-out` of the suite.
    """
    root = ET.Element("testsuites", name="auditkit", id=digest(report))
    blocking = [v for v in report.verdicts if v.blocks]
    skipped = [v for v in report.verdicts if v.statuses != {"pass"} and not v.blocks]
    lost = [r.blocks for r in report.required if not r.met]
    counts = {"tests": len(report.verdicts) + len(report.required), "failures": len(blocking) + sum(lost)}
    counts |= {"skipped": len(skipped) + len(lost) - sum(lost), "errors": 0}
    suite = ET.SubElement(root, "testsuite", {"name": _xml(report.name), **{k: str(n) for k, n in counts.items()}})
    for v in report.verdicts:
        case = ET.SubElement(suite, "testcase", classname=_xml(f"auditkit.{report.name}"), name=_xml(v.rule.id))
        if v.statuses != {"pass"}:
            kind = "failure" if v.blocks else "skipped"
            message = " ".join(filter(None, (f"{v.status}: {v.reason}", waiver_words(v), baseline_words(v))))
            ET.SubElement(case, kind, message=_xml(message)).text = _xml(_detail(report, v))
    for r in report.required:
        name = {"classname": _xml(f"auditkit.{report.name}.required"), "name": _xml(required.what(r))}
        case = ET.SubElement(suite, "testcase", name)
        if not r.met:
            ET.SubElement(case, "failure" if r.blocks else "skipped", message=_xml(required.line(r)))
    passed = [v for v in report.verdicts if v.status == "pass" and v.tightest is not None]
    told = [f"{v.rule.id}: {_detail(report, v)}" for v in passed]
    if told:
        ET.SubElement(suite, "system-out").text = _xml("\n".join(told))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _detail(report: Report, v: Verdict) -> str:
    of = kind_of_verdict(report, v)
    if v.estimate is None or v.estimate.value is None:
        return f"{v.finding or v.rule.metric}: no value; {asked(v.rule, of)}"
    value = quantity(v.estimate, v.rule.comparison, of=of)
    unstable = ", unstable" if v.estimate.state == "unstable" else ""
    sure = f"{interval(v.estimate, v.rule.comparison, of=of)}{unstable}"
    return "; ".join(filter(None, (f"{v.finding}: {value} ({sure})", asked(v.rule, of), would_pass(v, of))))


def _xml(text: str) -> str:
    """What XML can hold, and no runner obeys where it prints the document."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", printable(text))
