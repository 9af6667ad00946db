"""SARIF 2.1.0: a result a rule that is not met, at its line of the policy, for code scanning and editors."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from auditkit.records import Report, Verdict
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.rules import sentence
from auditkit.report.open_rules import LONGEST, Open, ending, fingerprint, most, open_rules, place, required_id, subject
from auditkit.report.required import what
from auditkit.report.vocabulary import STATUS, plain, several, shown, upper_first
from auditkit.report.writing import DIGEST, digest

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST = 5_000
"""Results and rules, at most: what GitHub shows of a run."""
Json = dict[str, Any]


def render(report: Report, policy_file: str = "") -> str:
    """A log of one run: every rule of the policy, and a result for each that failed, is undecided or not measured.

    `level` is error where a rule stands in the way, warning where it is forgiven, note where it only warns and is not
    decided. A waiver that holds is a suppression: the result stays. `partialFingerprints` are of the rule's id alone,
    so that a result is the same one from run to run, wherever its line moves. `policy_file` is where the policy lies in
    the repository. Whatever does not fit is counted in a notification.
    """
    found, left = most(open_rules(report), MOST)
    rules = _rules(report)
    index = {rule["id"]: i for i, rule in enumerate(rules)}
    uri = quote(place(report, policy_file))
    invocation: Json = {"executionSuccessful": True, "exitCodeDescription": ending(report)}
    if left:
        text = f"{upper_first(several(left, 'further rule'))} did not fit here: the report has them."
        invocation["toolExecutionNotifications"] = [{"level": "warning", "message": {"text": text}}]
    run: Json = {
        "tool": {"driver": {"name": "auditkit", "version": report.provenance.auditkit, "rules": rules}},
        "automationDetails": {"id": plain(f"auditkit/{shown(report.name)}")},
        "invocations": [invocation],
        "results": [_result(o, index, uri) for o in found],
        "columnKind": "unicodeCodePoints",
    }
    log: Json = {"properties": {DIGEST: digest(report)}, "$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, allow_nan=False, ensure_ascii=False) + "\n"


def _rules(report: Report) -> list[Json]:
    look = Lookup(report)
    of_policy: list[Json] = [
        {
            "id": plain(v.rule.id),
            "shortDescription": {"text": plain(sentence(v.rule, look))},
            "fullDescription": {"text": plain(f"{sentence(v.rule, look)} ({subject(v.rule)}).")},
            "defaultConfiguration": {"level": v.rule.severity},
            "properties": {"tags": ["fairness" if v.rule.by else "performance", *map(plain, v.rule.refs)]},
        }
        for v in report.verdicts
    ]
    of_floor: list[Json] = [
        {"id": required_id(r), "shortDescription": {"text": plain(upper_first(what(r)))}} for r in report.required
    ]
    once: dict[str, Json] = {}
    for rule in of_policy + of_floor:
        once.setdefault(rule["id"], rule)
    return list(once.values())[:MOST]


def _result(o: Open, index: dict[str, int], uri: str) -> Json:
    place: Json = {"logicalLocations": [{"fullyQualifiedName": o.id, "kind": "object"}]}  # a policy that is in no file
    if uri:
        place = {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": o.line}}}
    out: Json = {
        "ruleId": o.id,
        "level": o.level,
        "message": {"text": o.message},
        "locations": [place],
        "partialFingerprints": {"auditkitRule/v1": fingerprint(o)},
        **({"ruleIndex": index[o.id]} if o.id in index else {}),
    }
    if o.verdict is None:
        return out
    v = o.verdict
    if v.waived and v.waiver is not None:
        why = plain(shown(f"{v.waiver.reason} (until {v.waiver.expires})", longest=LONGEST))
        # without its `status`, which two editions of the schema name differently; absent, it is accepted
        out["suppressions"] = [{"kind": "external", "justification": why}]
    return {**out, "properties": _numbers(v)}


def _numbers(v: Verdict) -> Json:
    """What the message says, for whoever computes: names as in the catalogue, numbers in full, null for undefined."""
    e = v.estimate
    named = v.surest.groups if v.surest is not None else ()
    return {
        "status": STATUS[v.status].lower(),
        "metric": plain(shown(v.rule.metric)),
        "comparison": v.rule.comparison,
        "by": [plain(shown(a)) for a in v.rule.by],
        "groups": [{plain(shown(a)): plain(shown(x)) for a, x in g.items()} for g in named],
        "value_of_groups": None if v.surest is None else v.surest.estimate.value,  # others may be farther apart
        "value": None if e is None else e.value,
        "low": None if e is None else e.low,
        "high": None if e is None else e.high,
        "confidence": None if e is None else e.level,
        "at_most" if v.rule.at_most is not None else "at_least": v.rule.limit,
    }
