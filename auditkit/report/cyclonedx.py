"""CycloneDX 1.6: the audited model as a component with its model card, for inventories of what a product is made of."""

from __future__ import annotations

import json
import uuid
from typing import Any

from auditkit.records import Finding, Report
from auditkit.report.carded import Carded, cards
from auditkit.report.cautions import cautions
from auditkit.report.open_rules import open_rules
from auditkit.report.vocabulary import Vocabulary, by_words, plain, shown
from auditkit.report.writing import digest, mark

MOST = 1_000
"""Performance metrics, and risks, at most."""
Json = dict[str, Any]


def render(report: Report) -> str:
    """A bill of materials of one model: its data, numbers with their intervals, and what stands open.

    `performanceMetrics` are of everybody, of comparisons and of groups (`slice`); `ethicalConsiderations` are the rules
    that are not met and what was not measured; `fairnessAssessments` say of each comparison of groups what the report
    says, also that no gap is established and which one could have gone unseen. The serial number follows from the
    report's digest: the same report, the same number. Undefined values, and those that do not fit, are counted in
    `properties`.
    """
    found = cards(report, MOST)
    p = report.provenance
    counted = {"undefined": found.undefined, "further": found.left}
    component: Json = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": shown(p.model.name or report.name),
        "modelCard": {
            "modelParameters": {"task": p.data.task, "datasets": [{"ref": "data"}]},
            "quantitativeAnalysis": {"performanceMetrics": [_metric(c) for c in found.told]},
            "considerations": _considerations(report),
            "properties": [_property(f"values-{k}", str(n)) for k, n in counted.items() if n],
        },
        # of parameters and buffers, not of a file: no `hashes`, which would say so
        "properties": [_property("weights-sha256", p.model.sha256)] if p.model.sha256 else [],
    }
    data: Json = {
        "type": "data",
        "bom-ref": "data",
        "name": shown(p.data.name, empty="data"),
        "data": [{"type": "dataset", "name": shown(p.data.name, empty="data"), "description": f"{p.data.rows:,} rows"}],
        **({"hashes": [{"alg": "SHA-256", "content": p.data.file_sha256}]} if p.data.file_sha256 else {}),
        "properties": [_property("rows-sha256", p.data.sha256)] if p.data.sha256 else [],
    }
    tool = {"type": "application", "name": "auditkit", "version": p.auditkit}
    bom: Json = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest(report))}",
        "version": 1,
        "properties": [_property("report", mark(report))],
        "metadata": {"timestamp": p.created.isoformat(), "tools": {"components": [tool]}, "component": component},
        "components": [data],
    }
    return json.dumps(bom, allow_nan=False, ensure_ascii=False) + "\n"


def _property(name: str, value: str) -> Json:
    return {"name": f"auditkit:{name}", "value": value}


def _metric(c: Carded) -> Json:
    """Numbers in full, as texts, which the format asks for."""
    e = c.estimate
    ends = {"lowerBound": e.low, "upperBound": e.high}
    between = {k: repr(x) for k, x in ends.items() if x is not None}
    type_ = c.metric if e.state == "ok" else f"{c.metric} ({e.state})"
    return {
        "type": type_,
        "value": repr(e.value),
        "slice": c.slice,
        **({"confidenceInterval": between} if between else {}),
    }


def _considerations(report: Report) -> Json:
    context = report.context
    risks = [_risk(f"{shown(o.id)}: {o.message}") for o in open_rules(report)]
    lost = [n for n in report.not_measured if not n.settled]
    risks += [_risk(f"Not measured: {shown(n.what)}: {shown(n.why, longest=600)}") for n in lost]
    limits = [*([context.known_limits] if context and context.known_limits else []), *cautions(report)]
    limits += report.provenance.notes
    told: Json = {
        "users": [context.decided_by] if context and context.decided_by else [],
        "useCases": [context.purpose] if context and context.purpose else [],
        "technicalLimitations": limits,
        "ethicalConsiderations": risks[:MOST],
        "fairnessAssessments": _assessments(report)[:MOST],
    }
    lists = {k: [plain(x) if isinstance(x, str) else x for x in found] for k, found in told.items()}
    return {k: found for k, found in lists.items() if found}


def _risk(text: str) -> Json:
    return {"name": plain(text)}


def _assessments(report: Report) -> list[Json]:
    say = Vocabulary.of(report)
    return [
        {"groupAtRisk": plain(_who(f, say)), "harms": plain(shown(f.claim, longest=1_000))}
        for f in report.findings
        if f.concern == "fairness" and f.comparison == "difference" and f.by
    ]


def _who(f: Finding, say: Vocabulary) -> str:
    """The pair that the statement names, or the groups that were compared where it names none."""
    return say.between(f.surest.groups) if f.surest is not None else f"groups of {by_words(f.by)}"
