"""Every net under every check: whether what is said is true."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import auditkit as ak
from auditkit.records import Report
from tests.explain.corpus.cases import Case
from tests.explain.corpus.questions import Score, question
from tests.explain.corpus.reading import METRICS, Read, read
from tests.explain.corpus.worlds import segments

CHECKS = tuple(METRICS)
MOST_CONVICTED, MOST_UNMEASURED = 2, 0.2
"""False convictions that a check may make, and its share of questions that may stay open. No acquittal may be false."""


class Row(NamedTuple):
    """One check of one net."""

    net: str
    check: str
    question: str
    truth: str
    said: str
    score: Score
    sentence: str


def audited(case: Case, checks: Sequence[str] = CHECKS) -> Report:
    """The audit of a net by some of the checks, as anybody would ask for it."""
    net = case.net
    (frame, y), (rows, truth) = net.audited, net.training
    train = ak.Dataset(rows.assign(y=truth), y_true="y", sensitive_features=["sex"])
    made = {
        "LayerAudit": ak.LayerAudit(),
        "Concepts": ak.Concepts(),
        "Influence": ak.Influence(train=train),
        "GapAttribution": ak.GapAttribution(),
        "FlipTest": ak.FlipTest(),
    }
    features = segments() if net.world.kind == "pictures" else {c: [i] for i, c in enumerate(net.columns)}
    model = ak.Model(net.module, preprocess=net.encode, feature_map=features, outputs="logits")
    data = ak.Dataset(frame.assign(y=y), y_true="y", sensitive_features=["sex"], control_features=list(case.declared))
    return ak.audit(model, data, checks=[made[c] for c in checks], on_error="raise")


def scored(case: Case, checks: Sequence[str] = CHECKS) -> list[Row]:
    """A row a check, of one audit by all that are asked something."""
    asked = {check: question(check, case) for check in checks}
    found = _answers(case, [check for check, q in asked.items() if q is not None])
    out = []
    for check, q in asked.items():
        if q is None:
            out.append(Row(case.name, check, "", "", "", "not applicable", ""))
            continue
        answer = found[check]
        said = answer.said + (f" ({', '.join(answer.causes)})" if answer.causes else "")
        truth = ", ".join(q.truth) or "none"
        out.append(Row(case.name, check, q.text, truth, said, q.score(answer), answer.sentence))
    return out


def _answers(case: Case, checks: Sequence[str]) -> dict[str, Read]:
    """What the checks say; where one breaks the audit, each is asked alone, so that it hides no other."""
    try:
        report = audited(case, checks)
    except Exception as e:  # whatever it is, the corpus goes on, and the table tells it
        if len(checks) > 1:
            return {check: _answers(case, [check])[check] for check in checks}
        where = traceback.extract_tb(e.__traceback__)[-1]
        return {checks[0]: Read("not measured", (), f"{type(e).__name__}: {e} ({where.name}, line {where.lineno})")}
    return {check: read(check, report, case) for check in checks}


def summary(rows: Iterable[Row]) -> dict[str, Counter[Score]]:
    """Check → how often each score."""
    out: dict[str, Counter[Score]] = {}
    for row in rows:
        out.setdefault(row.check, Counter())[row.score] += 1
    return out


def shortfalls(rows: Sequence[Row]) -> list[str]:
    """Where a check does not reach what is asked of it; empty: all do."""
    out = []
    for check, n in summary(rows).items():
        asked = n.total() - n["not applicable"]
        if n["false acquittal"]:
            out.append(f"{check}: {n['false acquittal']} false acquittals")
        if n["false conviction"] > MOST_CONVICTED:
            out.append(f"{check}: {n['false conviction']} false convictions")
        if n["not measured"] > MOST_UNMEASURED * asked:
            out.append(f"{check}: {n['not measured']} of {asked} not measured")
    return out
