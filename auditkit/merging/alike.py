"""What parts of one audit must have in common, and by what name they are refused where they do not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from auditkit.assertions import level_of
from auditkit.checks import kind_of
from auditkit.errors import ReportError, listing
from auditkit.evidence.suppression import SMALL
from auditkit.formatting import confidence
from auditkit.reassessing import Key
from auditkit.records import ModelProvenance, Report

_MODEL = {
    "kind": "what was audited (a net, or predictions)",
    "name": "the name of the predictions",
    "sha256": "the model (SHA-256 of its weights)",
    "parameters": "the number of parameters",
    "threshold": "the threshold of decisions",
    "scale": "what scores are",
}
_DATA = {
    "task": "the task",
    "y_true": "the target",
    "positive": "the label that counts as positive",
    "classes": "the classes",
    "sensitive_features": "the sensitive features",
    "weighting": "how rows count (weights, clusters, strata)",
    "row_id": "the column that names rows",
}


class Part(NamedTuple):
    """One of the reports that are merged."""

    report: Report
    name: str
    """In messages: its file, or its place among those given."""
    digest: str
    site: str = ""
    """What the site is called; empty where parts are no sites."""


def refuse_unlike(parts: Sequence[Part], *, policy_given: bool) -> None:
    """ReportError that names all in which a part differs from the first, and what can be added to nothing."""
    said = [*_alone(parts), *_twice(parts)]
    for part in parts[1:]:
        said += [f"{what}: {_shown(a)} in {parts[0].name}, {_shown(b)} in {part.name}" for what, a, b in
                 _unlike(parts[0].report, part.report, policy_given=policy_given)]  # fmt: skip
    if said:
        raise ReportError("\n".join(["these reports are no parts of one audit:", *(f"  {s}" for s in said)]))


def _alone(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        held = part.report.disclosure
        if held is not None and held.profile == "public":
            yield f"{part.name} is public: it holds no evidence, and nothing can be added to it"
        elif SMALL in json.dumps([e.data for e in part.report.evidence.values()]):
            yield (
                f"{part.name} tells small groups together, as “{SMALL}”: which of them are the groups of another part "
                'is not known. Audit that part with profile = "internal"'
            )


def _twice(parts: Sequence[Part]) -> Iterator[str]:
    for i, part in enumerate(parts):
        for other in parts[:i]:
            a, b = part.report.provenance.data, other.report.provenance.data
            if part.digest == other.digest:
                yield f"{part.name} is the same report as {other.name}: its rows would count twice"
            elif a.sha256 and a.sha256 == b.sha256:
                yield f"{part.name} is of the same rows as {other.name}: they would count twice"


def _unlike(one: Report, other: Report, *, policy_given: bool) -> Iterator[tuple[str, Any, Any]]:
    """What it is, and what both say of it."""
    a, b = one.provenance, other.provenance
    facts: list[tuple[str, Any, Any]] = [
        ("the version of auditkit that gathered the evidence", a.auditkit, b.auditkit),
        *((words, getattr(a.data, k), getattr(b.data, k)) for k, words in _DATA.items()),
        *_models("", a.model, b.model),
        *_models("older model: ", a.against, b.against),
        ("the level of intervals", confidence(level_of(one)), confidence(level_of(other))),
        ("the seed", a.seed, b.seed),
        ("the words of the page", one.words, other.words),
        ("what reports give away (disclosure)", one.disclosure, other.disclosure),
        *([] if policy_given else [("the policy", *_policies(one, other))]),
    ]
    for key in sorted({*one.evidence} & {*other.evidence}):
        x, y = one.evidence[key], other.evidence[key]
        facts.append((f"the evidence of {key}", (x.type, x.version), (y.type, y.version)))
        kind = kind_of(Key.of(key).check)
        known = () if kind is None else kind.FITTED
        for option in sorted({*x.options, *y.options} - {*known}):
            facts.append((f"the option '{option}' of {key}", x.options.get(option), y.options.get(option)))
    yield from ((what, x, y) for what, x, y in facts if x != y)


def _policies(one: Report, other: Report) -> tuple[str | None, str | None]:
    a, b = (None if r.policy is None else r.policy.sha256 for r in (one, other))
    return a, b


def _models(whose: str, one: ModelProvenance | None, other: ModelProvenance | None) -> Iterator[tuple[str, Any, Any]]:
    if one is None or other is None:
        yield f"{whose}whether there is one", one is not None, other is not None
        return
    keys = [k for k in _MODEL if k != "name" or "predictions" in (one.kind, other.kind)]  # a net's is its weights
    yield from ((whose + _MODEL[k], getattr(one, k), getattr(other, k)) for k in keys)


def _shown(x: Any) -> str:
    if x is None or x == "" or x == ():
        return "none"
    if isinstance(x, tuple | list):
        return listing(x)
    if hasattr(x, "model_dump_json"):
        return str(x.model_dump_json())
    text = str(x)
    return f"{text[:12]}…" if len(text) == 64 and text.isalnum() else text
