"""An in-toto statement of a test result: which model and which rows were held to which rules, and what came of it."""

from __future__ import annotations

import json
from typing import Any

from auditkit.records import Report
from auditkit.report.open_rules import open_rules, required_id
from auditkit.report.vocabulary import plain, shown
from auditkit.report.writing import DIGEST, digest

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
Json = dict[str, Any]


def render(report: Report) -> str:
    """A statement to be signed, by predicate `test-result` v0.1. The subjects are the model and the data.

    Digests are hexadecimal SHA-256. `sha256` is of a file's bytes, as everywhere; what is hashed in a form of its own
    says so by the name of its algorithm: `auditkitWeights` (names, types, shapes and bytes of parameters and buffers),
    `auditkitRows` (the used columns, in any order), `auditkitRules` (what is asked, as canonical JSON, whatever file it
    stands in), `auditkitReport`.

    `result` is FAILED where something stands in the way, WARNED where something is not met and forgiven, or nothing
    was asked, else PASSED; `failedTests`, `warnedTests` and `passedTests` are ids of rules, and of requirements.
    """
    found = open_rules(report)
    failed = [o.id for o in found if o.level == "error"]
    warned = [o.id for o in found if o.level != "error"]
    met = [plain(v.rule.id) for v in report.verdicts if v.statuses == {"pass"}]
    met += [required_id(r) for r in report.required if r.met]
    result = "FAILED" if failed or not report.passed else "WARNED" if warned or not met else "PASSED"
    statement = {
        "_type": STATEMENT,
        "predicateType": PREDICATE,
        "predicate": {
            "result": result,
            "configuration": [_configuration(report)],
            "passedTests": met,
            "warnedTests": warned,
            "failedTests": failed,
        },
        "subject": _subjects(report),
    }
    return json.dumps(statement, allow_nan=False, ensure_ascii=False) + "\n"


def _configuration(report: Report) -> Json:
    """The policy, or that there was none; it carries the digest of the report."""
    policy = report.policy
    name = shown(policy.source or policy.id or "policy") if policy is not None else "no policy"
    rules = {"digest": {"auditkitRules": policy.sha256}} if policy is not None and policy.sha256 else {}
    return {"name": plain(name), "annotations": {DIGEST: digest(report)}, **rules}


def _subjects(report: Report) -> list[Json]:
    """What the report is about, and has a digest; the report itself, where it keeps no other."""
    model, data = report.provenance.model, report.provenance.data
    digests = (
        (shown(model.name or report.name), {"auditkitWeights": model.sha256}),
        (shown(data.name, empty="data"), {"sha256": data.file_sha256, "auditkitRows": data.sha256}),
    )
    known = [(name, {k: x for k, x in kept.items() if x}) for name, kept in digests]
    told = [(name, kept) for name, kept in known if kept]
    told = told or [(shown(report.name), {"auditkitReport": digest(report).removeprefix("sha256:")})]
    return [{"name": plain(name), "digest": kept} for name, kept in told]
